from otter.test_files import test_case

OK_FORMAT = False

name = "q3"
points = None

@test_case(points=0, hidden=False)
def test_model_is_compiled(env):
    assert 'model' in env, 'model is not defined'
    optimiser = getattr(env['model'], 'optimizer', None)
    assert optimiser is not None, 'model has no optimiser yet: call model.compile(...)'
    assert getattr(env['model'], 'loss', None) is not None, 'model was compiled without a loss'
