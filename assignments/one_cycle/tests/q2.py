from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = None

@test_case(points=0, hidden=False)
def test_the_scheduler_is_there(env):
    assert 'OneCycleScheduler' in env, 'OneCycleScheduler is not defined'
    assert env['OneCycleScheduler'] is not None, 'OneCycleScheduler should be a class'

@test_case(points=0, hidden=False)
def test_the_rate_changes_from_batch_to_batch(env):
    if 'rates_used' not in env:
        return
    kind = env['OneCycleScheduler']
    scheduler = kind(60, 0.1) if callable(kind) else kind
    rates = env['rates_used'](scheduler)
    assert len(rates) > 0, 'no batch was trained'
    assert all((rate > 0 for rate in rates)), 'a learning rate has to be a positive number'
    assert len(set(rates)) > 1, 'every batch is trained at the same rate'
    assert len(set(rates)) > 6, f'{len(rates)} batches are trained at {len(set(rates))} different rates only'
