from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = None

@test_case(points=0, hidden=False)
def test_build_dnn_04_returns_a_model(env):
    assert callable(env['build_dnn_04']), 'build_dnn_04 should be a function'
    network = env['build_dnn_04']()
    assert network is not None, 'build_dnn_04() returns None: does it end with a return?'
    given = getattr(network, 'output_shape', None)
    assert given is None or len(given) == 2, f'the model gives {given[1:]} for an image: is there a Flatten?'
