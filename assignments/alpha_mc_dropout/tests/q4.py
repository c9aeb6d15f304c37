from otter.test_files import test_case

OK_FORMAT = False

name = "q4"
points = None

@test_case(points=0, hidden=False)
def test_mc_dropout_predict_probas_gives_a_row_for_each_image(env):
    assert 'mc_dropout_predict_probas' in env, 'mc_dropout_predict_probas is not defined'
    try:
        mc_model = env['to_mc_model'](env['build_alpha_dropout_dnn']())
    except Exception as problem:
        raise AssertionError('to_mc_model has to work before this check can say anything') from problem
    images = env['X_valid'][:4] if hasattr(env.get('X_valid'), '__getitem__') else None
    answer = env['mc_dropout_predict_probas'](mc_model, images, n_samples=3)
    assert answer is not None, 'mc_dropout_predict_probas returns None: does it end with a return?'
    shape = getattr(answer, 'shape', None)
    assert shape is None or len(shape) == 2, f'the answer has the shape {tuple(shape)}; two are wanted, images and classes'

@test_case(points=0, hidden=False)
def test_mc_dropout_predict_classes_gives_a_class_for_each_image(env):
    assert 'mc_dropout_predict_classes' in env, 'mc_dropout_predict_classes is not defined'
    try:
        mc_model = env['to_mc_model'](env['build_alpha_dropout_dnn']())
    except Exception as problem:
        raise AssertionError('to_mc_model has to work before this check can say anything') from problem
    images = env['X_valid'][:4] if hasattr(env.get('X_valid'), '__getitem__') else None
    answer = env['mc_dropout_predict_classes'](mc_model, images, n_samples=3)
    assert answer is not None, 'mc_dropout_predict_classes returns None: does it end with a return?'
    shape = getattr(answer, 'shape', None)
    assert shape is None or len(shape) == 1, f'the answer has the shape {tuple(shape)}; one number for each image is wanted'
