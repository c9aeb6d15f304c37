from otter.test_files import test_case

OK_FORMAT = False

name = "q10"
points = None

@test_case(points=0, hidden=False)
def test_unfreeze_top_two_is_a_function(env):
    assert callable(env['unfreeze_top_two']), 'unfreeze_top_two should be a function'
