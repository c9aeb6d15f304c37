from otter.test_files import test_case

OK_FORMAT = False

name = "q3"
points = None

@test_case(points=0, hidden=False)
def test_epochs_to_reach_is_a_function(env):
    assert callable(env['epochs_to_reach']), 'epochs_to_reach should be a function of history and target_loss'

@test_case(points=0, hidden=False)
def test_epochs_to_reach_gives_whole_numbers(env):
    losses = [1.9, 1.6, 1.7, 1.5]
    short = type('Short', (), {'history': {'loss': losses, 'val_loss': losses}, 'epoch': [0, 1, 2, 3]})()
    answer = env['epochs_to_reach'](short, 1.65)
    assert answer is None or hasattr(answer, '__index__'), f'an epoch is a whole number, not {answer!r}'
