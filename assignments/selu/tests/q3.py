from otter.test_files import test_case

OK_FORMAT = False

name = "q3"
points = None

@test_case(points=0, hidden=False)
def test_layer_statistics_gives_two_numbers_for_each_layer(env):
    network = env['build_selu_dnn']()
    if getattr(network, 'input_shape', None) is None:
        return
    assert 'X_train_scaled' in env, 'X_train_scaled is not defined: question 1 comes first'
    images = env['X_train_scaled']
    found = env['layer_statistics'](network, images[:4] if hasattr(images, '__getitem__') else images)
    assert found is not None, 'layer_statistics returns None: does it end with a return?'
    assert hasattr(found, '__len__'), 'layer_statistics returns something that is no array'
    inner = [len(row) for row in found[:1] if hasattr(row, '__len__')] if isinstance(found, list) else []
    shape = tuple(found.shape) if hasattr(found, 'shape') else (len(found), *inner)
    assert len(shape) == 2, f'layer_statistics returns something of shape {shape}, not rows of two numbers'
    assert shape[1] == 2, f'each row has {shape[1]} numbers, not a mean and a standard deviation'
