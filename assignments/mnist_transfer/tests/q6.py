from otter.test_files import test_case

OK_FORMAT = False

name = "q6"
points = None

@test_case(points=0, hidden=False)
def test_build_dropout_dnn_04_returns_a_model(env):
    assert callable(env['build_dropout_dnn_04']), 'build_dropout_dnn_04 should be a function'
    assert env['build_dropout_dnn_04']() is not None, 'build_dropout_dnn_04() returns None'

@test_case(points=0, hidden=False)
def test_comparison_dropout_is_a_dictionary(env):
    assert 'comparison_dropout' in env, 'comparison_dropout is not defined'
    assert isinstance(env['comparison_dropout'], dict), 'comparison_dropout should be a dictionary'
    assert len(env['comparison_dropout']) > 1, 'comparison_dropout should hold figures of both networks'
