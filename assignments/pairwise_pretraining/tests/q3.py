from otter.test_files import test_case

OK_FORMAT = False

name = "q3"
points = None

@test_case(points=0, hidden=False)
def test_history_pair_has_losses(env):
    assert 'history_pair' in env, 'history_pair is not defined: keep what fit returns'
    curves = getattr(env['history_pair'], 'history', None)
    assert isinstance(curves, dict), 'history_pair should be what fit returns'
    assert len(curves.get('loss', [])) > 0, 'history_pair is empty: not one epoch was trained'
