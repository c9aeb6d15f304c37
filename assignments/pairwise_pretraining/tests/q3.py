from otter.test_files import test_case

OK_FORMAT = False

name = "q3"
points = None

@test_case(points=0, hidden=False)
def test_batches_come_in_a_new_order_each_epoch(env):
    seeded = 'dnnlab' in env and env['dnnlab'].global_seed_is_set()
    assert not seeded, "TensorFlow's global seed is set. If you gave fit arrays, every epoch had the same batches in the same order, which costs accuracy, and most of all with batch normalisation: use dnnlab.set_seed, which also clears that seed, and dnnlab.batches. If you gave it a dataset that is shuffled anew in every epoch, all is well. No point depends on this."

@test_case(points=0, hidden=False)
def test_history_pair_has_losses(env):
    assert 'history_pair' in env, 'history_pair is not defined: keep what fit returns'
    curves = getattr(env['history_pair'], 'history', None)
    assert isinstance(curves, dict), 'history_pair should be what fit returns'
    assert len(curves.get('loss', [])) > 0, 'history_pair is empty: not one epoch was trained'
