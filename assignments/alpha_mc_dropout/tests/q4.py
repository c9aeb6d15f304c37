from otter.test_files import test_case

OK_FORMAT = False

name = "q4"
points = None

@test_case(points=0, hidden=False)
def test_mc_dropout_predict_probas_gives_a_row_for_each_image(env):
    import numpy as np
    assert 'mc_dropout_predict_probas' in env, 'mc_dropout_predict_probas is not defined'
    try:
        mc_model = env['to_mc_model'](env['build_alpha_dropout_dnn']())
    except Exception as problem:
        raise AssertionError('to_mc_model has to work before this check can say anything') from problem
    answer = env['mc_dropout_predict_probas'](mc_model, np.zeros((4, 32, 32, 3), np.float32), n_samples=3)
    assert answer is not None, 'mc_dropout_predict_probas returns None: does it end with a return?'
    axes = len(getattr(answer, 'shape', np.shape(answer)))
    assert axes == 2, f'mc_dropout_predict_probas gives an array with {axes} axes; two are wanted, images and classes'

@test_case(points=0, hidden=False)
def test_mc_dropout_predict_classes_gives_a_class_for_each_image(env):
    import numpy as np
    assert 'mc_dropout_predict_classes' in env, 'mc_dropout_predict_classes is not defined'
    try:
        mc_model = env['to_mc_model'](env['build_alpha_dropout_dnn']())
    except Exception as problem:
        raise AssertionError('to_mc_model has to work before this check can say anything') from problem
    answer = env['mc_dropout_predict_classes'](mc_model, np.zeros((4, 32, 32, 3), np.float32), n_samples=3)
    assert answer is not None, 'mc_dropout_predict_classes returns None: does it end with a return?'
    axes = len(getattr(answer, 'shape', np.shape(answer)))
    assert axes == 1, f'mc_dropout_predict_classes gives an array with {axes} axes; one number for each image is wanted'
