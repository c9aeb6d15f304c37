from otter.test_files import test_case

OK_FORMAT = False

name = "q1"
points = None

@test_case(points=0, hidden=False)
def test_the_scaled_sets_exist(env):
    for name in ('X_train_scaled', 'X_valid_scaled', 'X_test_scaled'):
        assert name in env, f'{name} is not defined'
        assert hasattr(env[name], 'shape'), f'{name} should be an array'

@test_case(points=0, hidden=False)
def test_the_scaled_sets_are_pictures(env):
    shapes = {name: tuple(env[name].shape) for name in ('X_train_scaled', 'X_valid_scaled', 'X_test_scaled')}
    for name, shape in shapes.items():
        assert shape[1:] in ((32, 32, 3), (3072,)), f'{name} has shape {shape}; keep the images 32 x 32 x 3'
    assert len({shape[1:] for shape in shapes.values()}) == 1, f'the three sets should be alike: {shapes}'

@test_case(points=0, hidden=False)
def test_standardised_pixels_are_fractions(env):
    for name in ('X_train_scaled', 'X_valid_scaled', 'X_test_scaled'):
        kind = str(env[name].dtype)
        assert 'float' in kind, f'{name} is of type {kind}; numbers around zero need a float type'
