from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = None

@test_case(points=0, hidden=False)
def test_build_selu_dnn_returns_a_model(env):
    assert callable(env['build_selu_dnn']), 'build_selu_dnn should be a function: def build_selu_dnn(): ...'
    network = env['build_selu_dnn']()
    assert network is not None, 'build_selu_dnn() returns None: does it end with a return?'

@test_case(points=0, hidden=False)
def test_build_selu_dnn_takes_images_and_gives_classes(env):
    network = env['build_selu_dnn']()
    taken, given = (getattr(network, 'input_shape', None), getattr(network, 'output_shape', None))
    if taken is None or given is None:
        return
    taken, given = (tuple(taken)[1:], tuple(given)[1:])
    assert taken in ((32, 32, 3), (3072,)), f'the model takes {taken}; an image is (32, 32, 3)'
    assert len(given) == 1, f'the model gives {given} for an image: is there a Flatten layer?'
    assert given[0] == 10, f'the model gives {given[0]} numbers for an image; there are 10 classes'
