from otter.test_files import test_case

OK_FORMAT = False

name = "q1"
points = None

@test_case(points=0, hidden=False)
def test_build_pair_model_returns_a_model(env):
    assert callable(env['build_pair_model']), 'build_pair_model should be a function'
    network = env['build_pair_model']()
    assert network is not None, 'build_pair_model() returns None: does it end with a return?'

@test_case(points=0, hidden=False)
def test_two_pictures_in_one_number_out(env):
    network = env['build_pair_model']()
    taken = getattr(network, 'inputs', None) or getattr(network, 'input_shapes', None)
    if taken:
        assert len(taken) == 2, f'the model takes {len(taken)} inputs; it should take two pictures'
    given = getattr(network, 'output_shape', None)
    if given is not None:
        assert tuple(given) == (None, 1), f'the model gives {tuple(given)[1:]} for a pair, not one number'
