from otter.test_files import test_case

OK_FORMAT = False

name = "q3"
points = None

@test_case(points=0, hidden=False)
def test_layer_statistics_gives_two_numbers_for_each_layer(env):
    import numpy as np
    network = env['build_selu_dnn']()
    if getattr(network, 'input_shape', None) is None:
        return
    images = np.ones((4, *network.input_shape[1:]), 'float32')
    found = env['layer_statistics'](network, images)
    assert found is not None, 'layer_statistics returns None: does it end with a return?'
    shape = tuple(np.shape(found))
    assert len(shape) == 2, f'layer_statistics returns something of shape {shape}, not rows of two numbers'
    assert shape[1] == 2, f'each row has {shape[1]} numbers, not a mean and a standard deviation'
