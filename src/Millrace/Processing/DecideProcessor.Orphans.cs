using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Millrace;

/// <content>
/// Rows whose root does not exist although every table was shown whole. Which rows they are is settled by the record that says so; they are
/// dropped in bounded steps, those of an entity before any later command of its own, so that nothing depends on the steps.
/// </content>
internal sealed partial class DecideProcessor<TRoot, TState, TEvent>
{
    private bool _drops;
    private long _droppedRows;
    private long _droppedEntities;
    private string _droppedFirst = "";

    /// <summary>Every table has been shown whole: what waits now for its root is without one.</summary>
    private void TablesAreWhole(string id, long time)
    {
        // Who waits must be in the state, so that rows which come after this are told from those before.
        WriteDirty();
        _partition.TablesAreWhole();
        if (_drops)
        {
            _partition.SweepBegins(
                new Sweep
                {
                    Table = Sweep.OfOrphans,
                    Snapshot = _partition.Whole,
                    Id = id,
                    Time = time,
                }
            );
        }
    }

    private bool StepOrphans(Sweep sweep)
    {
        byte[] from = sweep.Cursor.Length == 0 ? [StateKeys.WaitingEntity] : sweep.Cursor;
        var found = new List<byte[]>();
        var looked = 0;
        var id = new ArrayBufferWriter<byte>();
        using (var cursor = _transaction.Range(from, [StateKeys.WaitingEntity + 1]))
        {
            while (looked < SweepStep && cursor.MoveNext())
            {
                looked++;
                if (WaitingEntity.Read(cursor.Value).Done < sweep.Snapshot)
                {
                    id.ResetWrittenCount();
                    StateKeys.ReadText(cursor.Key[1..], id);
                    found.Add(id.WrittenSpan.ToArray());
                }
                sweep.Cursor = [.. cursor.Key, 0];
            }
        }
        var rows = SweepStep;
        foreach (var entity in found)
        {
            _cancellation.ThrowIfCancellationRequested();
            if (IsSweptElsewhere(entity))
            {
                continue;
            }
            if (!DropOrphans(Load(entity), sweep, rows, out var dropped))
            {
                StateKeys.Begin(_key, StateKeys.WaitingEntity, entity);
                sweep.Cursor = _key.WrittenSpan.ToArray();
                return false;
            }
            rows = Math.Max(1, rows - dropped);
        }
        return looked < SweepStep;
    }

    /// <summary>
    /// An entity's turn, or a later command of its own is about to come: rows that waited when the tables were whole are dropped. Where the entity is
    /// held that takes its place in the queue, since what it is held at may be the root itself.
    /// </summary>
    /// <returns>Whether that was all of them; no more than <paramref name="most"/> are dropped at once.</returns>
    private bool DropOrphans(Entity<TState> entity, Sweep sweep, int most, out int dropped)
    {
        dropped = 0;
        if (entity.Waiting == 0 || !ReadWaiting(entity, out var waiting) || waiting.Done >= sweep.Snapshot)
        {
            return true;
        }
        if (entity.Held)
        {
            EnqueueSweep(entity, sweep);
        }
        else if (!DropRows(entity, most, out dropped))
        {
            return false;
        }
        if (entity.Waiting > 0)
        {
            // Rows that come from now on are none of this.
            WriteWaiting(entity, waiting with { Done = sweep.Snapshot });
        }
        return true;
    }

    private bool DropRows(Entity<TState> entity, int most, out int dropped)
    {
        dropped = 0;
        var finished = true;
        for (var table = 1; table < _layout.Rows.Length; table++)
        {
            if (_layout.Rows[table].Orphans != Orphans.Drop || entity.Counts[table] == 0)
            {
                continue;
            }
            foreach (var key in ChildKeys(entity, table, below: int.MaxValue, most - dropped))
            {
                _transaction.Delete(key);
                entity.Counts[table]--;
                dropped++;
            }
            finished &= entity.Counts[table] == 0;
        }
        if (dropped > 0)
        {
            Touch(entity);
            CountWaiting(entity);
            _droppedRows += dropped;
            _droppedEntities += finished ? 1 : 0;
            _droppedFirst = _droppedFirst.Length == 0 ? entity.Id.Value : _droppedFirst;
        }
        return finished;
    }

    /// <summary>Says once for each batch or step what was dropped in it.</summary>
    private void SayWhatWasDropped()
    {
        if (_droppedRows == 0)
        {
            return;
        }
        _counters.Dropped += _droppedRows;
        Log.OrphansDropped(_setup.Log, _aggregate.Name, _number, _droppedRows, _droppedEntities, _droppedFirst);
        (_droppedRows, _droppedEntities, _droppedFirst) = (0, 0, "");
    }

    /// <summary>Rows that wait for their root are counted, and their entities can be listed.</summary>
    private void CountWaiting(Entity<TState> entity)
    {
        var waiting = entity.Waiting;
        if (waiting == entity.CountedWaiting)
        {
            return;
        }
        if (waiting == 0)
        {
            StateKeys.Begin(_key, StateKeys.WaitingEntity, entity.Key);
            _transaction.Delete(_key.WrittenSpan);
        }
        else if (entity.CountedWaiting == 0)
        {
            WriteWaiting(entity, new WaitingEntity(entity.WaitingSince, _partition.Whole, _partition.Whole));
        }
        _partition.WaitingChanged(waiting - entity.CountedWaiting);
        entity.CountedWaiting = waiting;
    }

    private bool ReadWaiting(Entity<TState> entity, out WaitingEntity waiting)
    {
        StateKeys.Begin(_key, StateKeys.WaitingEntity, entity.Key);
        var found = _transaction.TryGet(_key.WrittenSpan, out var value);
        waiting = found ? WaitingEntity.Read(value) : default;
        return found;
    }

    private void WriteWaiting(Entity<TState> entity, in WaitingEntity waiting)
    {
        Span<byte> value = stackalloc byte[WaitingEntity.Size];
        waiting.Write(value);
        StateKeys.Begin(_key, StateKeys.WaitingEntity, entity.Key);
        _transaction.Put(_key.WrittenSpan, value);
    }
}

/// <summary>What the state says of an entity whose rows wait for their root. The bytes are durable.</summary>
/// <param name="Since">The time of the command with which it began.</param>
/// <param name="Began">How often every table had been shown whole by then.</param>
/// <param name="Done">How often it had been when its rows were last looked at for orphans.</param>
internal readonly record struct WaitingEntity(long Since, int Began, int Done)
{
    public const int Size = 16;

    public void Write(Span<byte> value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(value, Since);
        BinaryPrimitives.WriteInt32LittleEndian(value[8..], Began);
        BinaryPrimitives.WriteInt32LittleEndian(value[12..], Done);
    }

    public static WaitingEntity Read(ReadOnlySpan<byte> value) =>
        new(
            BinaryPrimitives.ReadInt64LittleEndian(value),
            BinaryPrimitives.ReadInt32LittleEndian(value[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(value[12..])
        );
}
