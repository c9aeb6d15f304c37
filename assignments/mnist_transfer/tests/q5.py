from otter.test_files import test_case

OK_FORMAT = False

name = "q5"
points = None

@test_case(points=0, hidden=False)
def test_build_bn_dnn_04_returns_a_model(env):
    assert callable(env['build_bn_dnn_04']), 'build_bn_dnn_04 should be a function'
    assert env['build_bn_dnn_04']() is not None, 'build_bn_dnn_04() returns None'

@test_case(points=0, hidden=False)
def test_comparison_bn_is_a_dictionary(env):
    assert 'comparison_bn' in env, 'comparison_bn is not defined'
    assert isinstance(env['comparison_bn'], dict), 'comparison_bn should be a dictionary'
    assert len(env['comparison_bn']) > 1, 'comparison_bn should hold figures of both networks'
