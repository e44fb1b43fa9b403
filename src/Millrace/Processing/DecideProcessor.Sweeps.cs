using System.Buffers;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Millrace;

/// <content>
/// What a finished snapshot did not show is gone. A sweep goes through the partition in bounded steps; an entity is swept before any later command
/// of its own, so what it publishes does not depend on the steps.
/// </content>
internal sealed partial class DecideProcessor<TRoot, TState, TEvent>
{
    private const int SweepStep = 2_000;

    /// <summary>Goes on with the oldest sweep, a bounded number of keys.</summary>
    private void StepSweeps()
    {
        if (_partition.Sweeps.Count == 0)
        {
            return;
        }
        // What the batch changed must be in the state before it is read by ranges.
        WriteDirty();
        var before = _partition.Sweeps.Count;
        StepSweep();
        SweepsEnded(before - _partition.Sweeps.Count);
    }

    private void StepSweep()
    {
        var sweep = _partition.Sweeps[0];
        _partition.SweepMoved();
        if (sweep.IsOfOrphans)
        {
            if (StepOrphans(sweep))
            {
                _partition.Sweeps.RemoveAt(0);
            }
            return;
        }
        var reference = _layout.ReferenceOf(Encoding.UTF8.GetBytes(sweep.Table));
        var table = _layout.TableOf(Encoding.UTF8.GetBytes(sweep.Table));
        var finished = reference >= 0 ? StepReferenceSweep(sweep, (byte)reference) : table < 0 || StepEntitySweep(sweep, table);
        if (finished && reference >= 0 && table >= 0)
        {
            // A table can be a reference and part of the entity; entities come after.
            finished = StepEntitySweep(sweep, table);
        }
        if (finished)
        {
            _partition.Sweeps.RemoveAt(0);
        }
    }

    private bool StepEntitySweep(Sweep sweep, int table)
    {
        byte kind = table == 0 ? StateKeys.Entity : StateKeys.Child;
        byte[] from = sweep.Cursor.Length == 0 || sweep.Cursor[0] != kind ? [kind] : [.. sweep.Cursor, 0];
        var found = new List<byte[]>();
        var looked = 0;
        byte[] last = from;
        var id = new ArrayBufferWriter<byte>();
        using (var cursor = _transaction.Range(from, [(byte)(kind + 1)]))
        {
            while (looked < SweepStep && cursor.MoveNext())
            {
                looked++;
                last = cursor.Key.ToArray();
                id.ResetWrittenCount();
                var rest = StateKeys.ReadText(cursor.Key[1..], id) + 1;
                var below =
                    table == 0
                        ? Entity<TState>.RootIsBelow(cursor.Value, sweep.Snapshot)
                        : cursor.Key[rest] == table && MirrorValue.Mark(cursor.Value) < sweep.Snapshot;
                if (!below)
                {
                    continue;
                }
                if (found.Count == 0 || !found[^1].AsSpan().SequenceEqual(id.WrittenSpan))
                {
                    found.Add(id.WrittenSpan.ToArray());
                }
            }
        }
        foreach (var entity in found)
        {
            _cancellation.ThrowIfCancellationRequested();
            if (!IsSweptElsewhere(entity))
            {
                SweepEntity(Load(entity), sweep, table);
            }
        }
        sweep.Cursor = last;
        return looked < SweepStep;
    }

    /// <summary>Sweeps one entity ahead of its turn, because a command of its own is about to be handled.</summary>
    private void SweepBefore(Entity<TState> entity)
    {
        if (_partition.Sweeps.Count == 0)
        {
            return;
        }
        foreach (var sweep in _partition.Sweeps)
        {
            if (sweep.IsOfOrphans)
            {
                DropOrphans(entity, sweep, int.MaxValue, out _);
            }
            else if (!entity.Held && _layout.TableOf(Encoding.UTF8.GetBytes(sweep.Table)) is >= 0 and var table)
            {
                SweepEntity(entity, sweep, table);
            }
        }
    }

    /// <summary>Does to an entity what queued while it was held.</summary>
    private void SweepQueued(Entity<TState> entity, Sweep sweep)
    {
        if (sweep.IsOfOrphans && entity.Held)
        {
            EnqueueSweep(entity, sweep);
        }
        else if (sweep.IsOfOrphans)
        {
            if (!entity.HasRoot)
            {
                DropRows(entity, int.MaxValue, out _);
            }
        }
        else if (_layout.TableOf(Encoding.UTF8.GetBytes(sweep.Table)) is >= 0 and var table)
        {
            SweepEntity(entity, sweep, table);
        }
    }

    /// <summary>Makes deletions of an entity's rows of a table that the snapshot did not show, and decides them.</summary>
    private void SweepEntity(Entity<TState> entity, Sweep sweep, int table)
    {
        if (table == 0 ? !entity.HasRoot || entity.RootMark >= sweep.Snapshot : entity.Counts[table] == 0)
        {
            return;
        }
        List<byte[]> gone = table == 0 ? [] : ChildKeys(entity, table, sweep.Snapshot);
        if (table > 0 && gone.Count == 0)
        {
            return;
        }
        if (entity.Held)
        {
            EnqueueSweep(entity, sweep);
            return;
        }
        var command = new CommandInfo
        {
            Id = Encoding.UTF8.GetBytes(sweep.Id),
            Correlation = Encoding.UTF8.GetBytes(sweep.Id),
            Time = sweep.Time,
            Snapshot = true,
        };
        _backup.Take(entity);
        _undo.Clear();
        _events.Clear();
        _effects.Clear();
        _effectKeys.ResetWrittenCount();
        _context.Enter(entity, _transaction, sweep.Time, snapshot: true);
        try
        {
            var hadRoot = entity.HasRoot;
            if (table == 0)
            {
                MirrorRoot(entity, new ChangeBody { Op = ChangeOp.Delete });
            }
            foreach (var key in gone)
            {
                _key.ResetWrittenCount();
                _key.Write(key);
                if (_transaction.TryGet(key, out var value))
                {
                    RemoveChild(entity, table, value, ChangeKind.Deleted);
                }
            }
            DecideAll(entity, command, entity.Key, hadRoot);
        }
        catch (Exception failure) when (IsOfItsOwn(failure))
        {
            _undo.Restore(_transaction);
            _backup.Restore(entity);
            _events.Clear();
            ParkSweep(entity, failure, sweep);
            return;
        }
        _counters.Events += _events.Count;
        _events.AppendTo(_transaction, entity.Key, sweep.Time);
    }
}
