from otter.test_files import test_case

OK_FORMAT = False

name = "q7"
points = None

@test_case(points=0, hidden=False)
def test_the_small_set_has_images_and_labels(env):
    for name in ('X_small_59', 'y_small_59'):
        assert name in env, f'{name} is not defined'
        assert hasattr(env[name], 'shape'), f'{name} should be an array'
    images, labels = (len(env['X_small_59']), len(env['y_small_59']))
    assert images == labels, f'X_small_59 has {images} images, y_small_59 has {labels} labels'

@test_case(points=0, hidden=False)
def test_build_transfer_model_returns_a_model(env):
    assert callable(env['build_transfer_model']), 'build_transfer_model should be a function'
    network = env['build_transfer_model'](env['build_dnn_04']())
    assert network is not None, 'build_transfer_model(base) returns None: does it end with a return?'
