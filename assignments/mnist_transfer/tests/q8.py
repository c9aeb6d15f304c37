from otter.test_files import test_case

OK_FORMAT = False

name = "q8"
points = None

@test_case(points=0, hidden=False)
def test_cache_hidden_outputs_is_a_function(env):
    assert callable(env['cache_hidden_outputs']), 'cache_hidden_outputs should be a function'

@test_case(points=0, hidden=False)
def test_speedup_is_a_number(env):
    assert 'speedup' in env, 'speedup is not defined'
    assert float(env['speedup']) > 0, 'speedup should be a positive number'
