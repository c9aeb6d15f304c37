from otter.test_files import test_case

OK_FORMAT = False

name = "q3"
points = None

@test_case(points=0, hidden=False)
def test_to_mc_model_returns_a_model(env):
    assert 'to_mc_model' in env, 'to_mc_model is not defined'
    assert callable(env['to_mc_model']), 'to_mc_model should be a function'
    mc_model = env['to_mc_model'](env['build_alpha_dropout_dnn']())
    assert mc_model is not None, 'to_mc_model(model) returns None: does it end with a return?'

@test_case(points=0, hidden=False)
def test_the_converted_model_gives_classes(env):
    mc_model = env['to_mc_model'](env['build_alpha_dropout_dnn']())
    if not callable(mc_model):
        return
    given = tuple(mc_model(env['X_valid'][:2]).shape)
    assert given == (2, 10), f'for 2 images the converted model gives an array of shape {given}'
