from otter.test_files import test_case

OK_FORMAT = False

name = "q4"
points = None

@test_case(points=0, hidden=False)
def test_cv_results_is_a_list_of_dictionaries(env):
    assert 'cv_results' in env, 'cv_results is not defined'
    results = env['cv_results']
    assert isinstance(results, list), f'cv_results should be a list, not a {type(results).__name__}'
    assert len(results) > 0, 'cv_results is empty'
    for entry in results:
        assert isinstance(entry, dict), f'an entry of cv_results is a {type(entry).__name__}, not a dictionary'

@test_case(points=0, hidden=False)
def test_best_params_is_defined(env):
    assert 'best_params' in env, 'best_params is not defined'
    assert isinstance(env['best_params'], dict), 'best_params should be the dictionary of one candidate'
