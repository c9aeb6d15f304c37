from otter.test_files import test_case

OK_FORMAT = False

name = "q4"
points = None

@test_case(points=0, hidden=False)
def test_lr_results_is_a_dictionary_of_numbers(env):
    assert 'lr_results' in env, 'lr_results is not defined'
    results = env['lr_results']
    assert isinstance(results, dict), f'lr_results should be a dictionary, not a {type(results).__name__}'
    assert len(results) > 0, 'lr_results is empty'
    for rate, loss in results.items():
        assert float(rate) > 0, f'the keys of lr_results are learning rates; {rate} is none'
        assert float(loss) == float(loss), f'the loss of rate {rate} is nan: its training exploded'

@test_case(points=0, hidden=False)
def test_best_lr_is_one_of_the_rates(env):
    assert 'best_lr' in env, 'best_lr is not defined'
    assert env['best_lr'] in env['lr_results'], f"best_lr is {env['best_lr']}, which lr_results does not have"
