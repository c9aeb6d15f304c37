from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = None

@test_case(points=0, hidden=False)
def test_the_four_arrays_exist(env):
    for name in ('X1', 'y1', 'X2', 'y2'):
        assert name in env, f'{name} is not defined'
        assert hasattr(env[name], 'shape'), f'{name} should be an array'
    for number in '12':
        images, labels = (len(env['X' + number]), len(env['y' + number]))
        assert images == labels, f'X{number} has {images} pictures, y{number} has {labels} labels'
    kinds = {name: str(env[name].dtype) for name in ('X1', 'X2')}
    alike = len(set(kinds.values())) == 1
    assert alike, f'both splits should be prepared alike; their types are {kinds}'

@test_case(points=0, hidden=False)
def test_generate_pairs_gives_two_arrays_and_labels(env):
    assert callable(env['generate_pairs']), 'generate_pairs should be a function'
    rng = env['np'].random.default_rng(0) if 'np' in env else None
    found = env['generate_pairs'](env['X1'], env['y1'], 8, rng)
    batch = next(found) if hasattr(found, '__next__') else found
    assert batch is not None, 'generate_pairs returns None: does it end with a return?'
    assert len(batch) == 2, f'a batch is ((a, b), labels), two things; this one has {len(batch)}'
    assert len(batch[0]) == 2, f'the first thing of a batch is (a, b); this one has {len(batch[0])} parts'
    for name, part in (('a', batch[0][0]), ('b', batch[0][1]), ('labels', batch[1])):
        assert len(part) == 8, f'asked for 8 pairs, and {name} has {len(part)} rows'
