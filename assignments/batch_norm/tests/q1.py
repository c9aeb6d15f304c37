from otter.test_files import test_case

OK_FORMAT = False

name = "q1"
points = None

@test_case(points=0, hidden=False)
def test_build_bn_dnn_returns_a_model(env):
    assert callable(env['build_bn_dnn']), 'build_bn_dnn should be a function: def build_bn_dnn(): ...'
    network = env['build_bn_dnn']()
    assert network is not None, 'build_bn_dnn() returns None: does it end with a return?'

@test_case(points=0, hidden=False)
def test_build_bn_dnn_takes_images_and_gives_classes(env):
    network = env['build_bn_dnn']()
    taken, given = (getattr(network, 'input_shape', None), getattr(network, 'output_shape', None))
    if taken is None or given is None:
        return
    taken, given = (tuple(taken), tuple(given))
    assert taken == (None, 32, 32, 3), f'the model takes {taken[1:]}; an image is (32, 32, 3)'
    assert len(given) == 2, f'the model gives {given[1:]} for an image: is there a Flatten layer?'
    assert given[1] == 10, f'the model gives {given[1]} numbers for an image; there are 10 classes'
