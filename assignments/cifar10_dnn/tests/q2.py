from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = None

@test_case(points=0, hidden=False)
def test_the_six_arrays_exist(env):
    for name in ('X_train', 'y_train', 'X_valid', 'y_valid', 'X_test', 'y_test'):
        assert name in env, f'{name} is not defined'
        assert hasattr(env[name], 'shape'), f'{name} should be an array'

@test_case(points=0, hidden=False)
def test_the_images_are_images(env):
    for name in ('X_train', 'X_valid', 'X_test'):
        shape = tuple(env[name].shape)
        assert shape[1:] == (32, 32, 3), f'{name} has shape {shape}; keep the images 32 x 32 x 3'
    kinds = {name: str(env[name].dtype) for name in ('X_train', 'X_valid', 'X_test')}
    assert len(set(kinds.values())) == 1, f'the three sets should be prepared alike; their types are {kinds}'

@test_case(points=0, hidden=False)
def test_every_image_has_a_label(env):
    for part in ('train', 'valid', 'test'):
        images, labels = (len(env['X_' + part]), len(env['y_' + part]))
        assert images == labels, f'X_{part} has {images} images, y_{part} has {labels} labels'
