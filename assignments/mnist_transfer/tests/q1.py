from otter.test_files import test_case

OK_FORMAT = False

name = "q1"
points = None

@test_case(points=0, hidden=False)
def test_the_six_arrays_exist(env):
    for part in ('train', 'valid', 'test'):
        for name in ('X_' + part + '_04', 'y_' + part + '_04'):
            assert name in env, f'{name} is not defined'
            assert hasattr(env[name], 'shape'), f'{name} should be an array'

@test_case(points=0, hidden=False)
def test_every_image_has_a_label(env):
    for part in ('train', 'valid', 'test'):
        images, labels = (len(env['X_' + part + '_04']), len(env['y_' + part + '_04']))
        assert images == labels, f'X_{part}_04 has {images} images, y_{part}_04 has {labels} labels'
