from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = None

@test_case(points=0, hidden=False)
def test_batches_come_in_a_new_order_each_epoch(env):
    seeded = 'dnnlab' in env and env['dnnlab'].global_seed_is_set()
    assert not seeded, "TensorFlow's global seed is set. If you gave fit arrays, every epoch had the same batches in the same order, which costs accuracy, and most of all with batch normalisation: use dnnlab.set_seed, which also clears that seed, and dnnlab.batches. If you gave it a dataset that is shuffled anew in every epoch, all is well. No point depends on this."

@test_case(points=0, hidden=False)
def test_history_has_losses(env):
    assert 'history' in env, 'history is not defined: keep what fit returns'
    curves = getattr(env['history'], 'history', None)
    assert isinstance(curves, dict), 'history should be what fit returns'
    assert 'val_loss' in curves, 'history has no val_loss: give fit the validation set as validation_data'
    epochs = len(curves['val_loss'])
    assert epochs > 0, 'history is empty: not one epoch was trained'
    assert len(curves['loss']) == epochs, 'history has more losses of one kind than of the other'

@test_case(points=0, hidden=False)
def test_history_has_seconds(env):
    curves = getattr(env['history'], 'history', {})
    hint = 'give fit a dnnlab.EpochTimer() among its callbacks, and train again (RETRAIN = True)'
    assert 'seconds' in curves, 'history does not tell how long an epoch took: ' + hint
