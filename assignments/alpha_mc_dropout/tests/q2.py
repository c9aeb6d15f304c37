from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = None

@test_case(points=0, hidden=False)
def test_MCAlphaDropout_makes_a_layer(env):
    assert 'MCAlphaDropout' in env, 'MCAlphaDropout is not defined'
    assert callable(env['MCAlphaDropout']), 'MCAlphaDropout should be a class'
    layer = env['MCAlphaDropout'](0.5)
    assert layer is not None, 'MCAlphaDropout(0.5) gives None, not a layer'

@test_case(points=0, hidden=False)
def test_the_layer_keeps_shapes(env):
    layer = env['MCAlphaDropout'](0.5)
    if not hasattr(layer, 'get_config'):
        return
    images = env['X_valid'][:3]
    given = tuple(layer(images, training=False).shape)
    assert given == images.shape, f'the layer turns values of shape {images.shape} into {given}'
