from otter.test_files import test_case

OK_FORMAT = False

name = "q4"
points = None

@test_case(points=0, hidden=False)
def test_build_classifier_from_gives_ten_probabilities(env):
    assert callable(env['build_classifier_from']), 'build_classifier_from should be a function'
    network = env['build_classifier_from'](env['build_pair_model']())
    assert network is not None, 'build_classifier_from returns None: does it end with a return?'
    given = getattr(network, 'output_shape', None)
    if given is not None:
        assert tuple(given) == (None, 10), f'the classifier gives {tuple(given)[1:]}, not ten numbers'

@test_case(points=0, hidden=False)
def test_the_two_accuracies_are_numbers(env):
    for name in ('baseline_accuracy', 'transfer_accuracy'):
        assert name in env, f'{name} is not defined'
        assert 0 <= float(env[name]) <= 1, f'{name} is {env[name]}; an accuracy is a share, from 0 to 1'
