from otter.test_files import test_case

OK_FORMAT = False

name = "q9"
points = None

@test_case(points=0, hidden=False)
def test_build_transfer_model_4_returns_a_model(env):
    assert callable(env['build_transfer_model_4']), 'build_transfer_model_4 should be a function'
    network = env['build_transfer_model_4'](env['build_dnn_04']())
    assert network is not None, 'build_transfer_model_4(base) returns None: does it end with a return?'
