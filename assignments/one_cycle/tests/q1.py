from otter.test_files import test_case

OK_FORMAT = False

name = "q1"
points = None

@test_case(points=0, hidden=False)
def test_find_learning_rate_returns_two_lists(env):
    assert 'find_learning_rate' in env, 'find_learning_rate is not defined'
    assert callable(env['find_learning_rate']), 'find_learning_rate should be a function'
    if 'small_problem' not in env:
        return
    found = env['find_learning_rate'](*env['small_problem']())
    assert found is not None, 'find_learning_rate returns None: does it end with a return?'
    assert hasattr(found, '__len__'), 'find_learning_rate returns one thing; asked for are rates, losses'
    assert len(found) == 2, f'find_learning_rate returns {len(found)} things; asked for are rates, losses'
    rates, losses = found
    assert len(rates) == len(losses), f'there are {len(rates)} rates and {len(losses)} losses'
    assert len(rates) > 1, 'there is one rate only: it should be noted at every batch'
