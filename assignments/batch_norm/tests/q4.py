from otter.test_files import test_case

OK_FORMAT = False

name = "q4"
points = None

@test_case(points=0, hidden=False)
def test_comparison_is_a_dictionary(env):
    assert 'comparison' in env, 'comparison is not defined'
    found = env['comparison']
    assert isinstance(found, dict), f'comparison should be a dictionary, not a {type(found).__name__}'
    for key in ('faster_convergence', 'better_model', 'slower_epochs', 'epoch_time_ratio'):
        assert key in found, f'comparison has no entry {key}'
