using System.Buffers;
using Microsoft.Extensions.Logging;
using Millrace.Engines;

namespace Millrace;

/// <content>Commands made of row changes: one source transaction of one entity.</content>
internal sealed partial class DecideProcessor<TRoot, TState, TEvent>
{
    /// <summary>A change that is news to the mirror, waiting to be decided.</summary>
    private struct Effect
    {
        public int Table;
        public ChangeKind Kind;
        public object? Before;
        public object? After;

        /// <summary>Where the child's state key is kept while the command lasts; -1 for the root.</summary>
        public int KeyStart;
        public int KeyLength;
    }

    private readonly List<Effect> _effects = [];
    private readonly ArrayBufferWriter<byte> _effectKeys = new(256);
    private readonly ArrayBufferWriter<byte> _merged = new(1024);
    private readonly UndoLog _undo = new();
    private readonly EntityBackup<TState> _backup = new();

    private void HandleChanges(Entity<TState> entity, long time, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> body)
    {
        SweepBefore(entity);
        HandleInTurn(entity, time, headers, body);
    }

    /// <summary>Handles a command whose turn it is: every sweep that came before it in the log is done, or queued before it.</summary>
    private void HandleInTurn(Entity<TState> entity, long time, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> body)
    {
        if (entity.Held)
        {
            Enqueue(entity, time, headers, body);
            return;
        }
        if (MissingReference(body) is { } missing)
        {
            HoldForReference(entity, missing.Table, missing.Key, time, headers, body);
            return;
        }
        Apply(entity, time, headers, body);
    }

    /// <summary>Applies and decides a command; a command that throws leaves nothing behind but its parked entity.</summary>
    private bool Apply(Entity<TState> entity, long time, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> body)
    {
        var command = CommandInfo.Of(new RecordHeaders(headers), time);
        _backup.Take(entity);
        _undo.Clear();
        _events.Clear();
        _context.Enter(entity, _transaction, time, command.Snapshot);
        try
        {
            var hadRoot = entity.HasRoot;
            MirrorAll(entity, body);
            if (_effects.Count > 0)
            {
                DecideAll(entity, command, default, hadRoot);
            }
        }
        catch (Exception failure) when (IsOfItsOwn(failure))
        {
            _undo.Restore(_transaction);
            _backup.Restore(entity);
            _events.Clear();
            Park(entity, failure, time, headers, body);
            return false;
        }
        _counters.Events += _events.Count;
        _events.AppendTo(_transaction, entity.Key, time);
        return true;
    }

    /// <summary>The mirror takes every change of the command; what is news is kept to be decided.</summary>
    private void MirrorAll(Entity<TState> entity, ReadOnlySpan<byte> body)
    {
        _effects.Clear();
        _effectKeys.ResetWrittenCount();
        var at = 0;
        while (ChangeBody.Next(body, ref at, out var change))
        {
            var table = _layout.TableOf(change.Table);
            if (table < 0)
            {
                // Recorded under an earlier topology that mapped the table.
                continue;
            }
            if (table == 0)
            {
                MirrorRoot(entity, change);
            }
            else
            {
                MirrorChild(entity, table, change);
            }
        }
        Fold();
    }

    private void MirrorRoot(Entity<TState> entity, in ChangeBody change)
    {
        if (change.Op is ChangeOp.Delete or ChangeOp.Left)
        {
            if (entity.HasRoot)
            {
                var before = Root(entity);
                _context.RootDeleted((TRoot)before);
                Touch(entity);
                entity.Counts[0] = 0;
                entity.Root = null;
                entity.RootLength = 0;
                _effects.Add(
                    new Effect
                    {
                        Before = before,
                        Kind = change.Op == ChangeOp.Left ? ChangeKind.Left : ChangeKind.Deleted,
                        KeyStart = -1,
                    }
                );
            }
            TakeCascadingChildren(entity, change.Cascade);
            return;
        }
        var mark = _partition.MarkOf(_aggregate.Root.Table);
        if (!entity.HasRoot)
        {
            Touch(entity);
            entity.Counts[0] = 1;
            entity.RootMark = mark;
            entity.SetRoot(change.Row);
            _effects.Add(
                new Effect
                {
                    After = Root(entity),
                    Kind = change.Op == ChangeOp.Joined ? ChangeKind.Joined : ChangeKind.Inserted,
                    KeyStart = -1,
                }
            );
            return;
        }
        if (entity.RootMark != mark)
        {
            Touch(entity);
            entity.RootMark = mark;
        }
        var differs = RowComparison.Differs(entity.RootJson, change.Row);
        if (!differs)
        {
            _counters.Same++;
            if (!change.Partial && !entity.RootJson.SequenceEqual(change.Row))
            {
                // The same row with columns that came or went: the mirror takes the new form, nothing is decided.
                Touch(entity);
                entity.SetRoot(change.Row);
            }
            return;
        }
        var was = Root(entity);
        Touch(entity);
        entity.SetRoot(change.Partial ? Merged(entity.RootJson, change.Row) : change.Row);
        _effects.Add(
            new Effect
            {
                Before = was,
                After = Root(entity),
                Kind = ChangeKind.Updated,
                KeyStart = -1,
            }
        );
    }

    private void MirrorChild(Entity<TState> entity, int table, in ChangeBody change)
    {
        var row = _layout.Rows[table];
        StateKeys.Begin(_key, StateKeys.Child, entity.Key);
        StateKeys.Byte(_key, (byte)table);
        StateKeys.RowKey(_key, change.Key);
        var there = _transaction.TryGet(_key.WrittenSpan, out var value);
        if (change.Op is ChangeOp.Delete or ChangeOp.Left)
        {
            if (there)
            {
                RemoveChild(entity, table, value, change.Op == ChangeOp.Left ? ChangeKind.Left : ChangeKind.Deleted);
            }
            return;
        }
        var mark = _partition.MarkOf(row.Definition.Table);
        if (!there)
        {
            Touch(entity);
            entity.Counts[table]++;
            _undo.Remember(_key.WrittenSpan, false, default);
            MirrorValue.Write(_value, mark, change.Row);
            _transaction.Put(_key.WrittenSpan, _value.WrittenSpan);
            AddEffect(table, change.Op == ChangeOp.Joined ? ChangeKind.Joined : ChangeKind.Inserted, null, Record(row, change.Row));
            return;
        }
        var old = MirrorValue.Row(value);
        var differs = RowComparison.Differs(old, change.Row);
        if (!differs)
        {
            _counters.Same++;
            if (MirrorValue.Mark(value) != mark || (!change.Partial && !old.SequenceEqual(change.Row)))
            {
                _undo.Remember(_key.WrittenSpan, true, value);
                MirrorValue.Write(_value, mark, change.Partial ? old : change.Row);
                _transaction.Put(_key.WrittenSpan, _value.WrittenSpan);
            }
            return;
        }
        var before = Record(row, old);
        var now = change.Partial ? Merged(old, change.Row) : change.Row;
        _undo.Remember(_key.WrittenSpan, true, value);
        MirrorValue.Write(_value, mark, now);
        var after = Record(row, now);
        _transaction.Put(_key.WrittenSpan, _value.WrittenSpan);
        AddEffect(table, ChangeKind.Updated, before, after);
    }

    /// <summary>Takes the child at <see cref="_key"/> out of the mirror.</summary>
    private void RemoveChild(Entity<TState> entity, int table, ReadOnlySpan<byte> value, ChangeKind kind)
    {
        var before = Record(_layout.Rows[table], MirrorValue.Row(value));
        _undo.Remember(_key.WrittenSpan, true, value);
        _transaction.Delete(_key.WrittenSpan);
        Touch(entity);
        entity.Counts[table]--;
        AddEffect(table, kind, before, null);
    }

    /// <summary>Rows that the database deleted with the root, without logging them.</summary>
    private void TakeCascadingChildren(Entity<TState> entity, ReadOnlySpan<byte> tables)
    {
        for (var at = 1; at < tables.Length && tables[at] != (byte)']'; )
        {
            if (tables[at] == (byte)',')
            {
                at++;
            }
            var end = JsonScan.EndOfValue(tables, at);
            var table = _layout.TableOf(tables[(at + 1)..(end - 1)]);
            at = end;
            if (table > 0 && entity.Counts[table] > 0)
            {
                foreach (var key in ChildKeys(entity, table, below: int.MaxValue))
                {
                    _key.ResetWrittenCount();
                    _key.Write(key);
                    if (_transaction.TryGet(key, out var value))
                    {
                        RemoveChild(entity, table, value, ChangeKind.Deleted);
                    }
                }
            }
        }
    }

    /// <summary>The state keys of an entity's children of a table that no snapshot with this id or a later one showed.</summary>
    private List<byte[]> ChildKeys(Entity<TState> entity, int table, int below, int most = int.MaxValue)
    {
        StateKeys.Begin(_key, StateKeys.Child, entity.Key);
        StateKeys.Byte(_key, (byte)table);
        var keys = new List<byte[]>();
        using var cursor = _transaction.Range(_key.WrittenSpan, StateKeys.After(_key.WrittenSpan));
        while (keys.Count < most && cursor.MoveNext())
        {
            if (MirrorValue.Mark(cursor.Value) < below)
            {
                keys.Add(cursor.Key.ToArray());
            }
        }
        return keys;
    }

    private ReadOnlySpan<byte> Merged(ReadOnlySpan<byte> mirror, ReadOnlySpan<byte> partial)
    {
        _merged.ResetWrittenCount();
        RowComparison.Merge(mirror, partial, _merged);
        return _merged.WrittenSpan;
    }

    private static object Root(Entity<TState> entity) => entity.Root ??= TRoot.Parse(entity.RootJson);

    private static object? Record(MirroredRow<TRoot, TState, TEvent> row, ReadOnlySpan<byte> json) => row.Decides ? row.Parse(json) : null;

    private void AddEffect(int table, ChangeKind kind, object? before, object? after)
    {
        var start = _effectKeys.WrittenCount;
        _effectKeys.Write(_key.WrittenSpan);
        _effects.Add(
            new Effect
            {
                Table = table,
                Kind = kind,
                Before = before,
                After = after,
                KeyStart = start,
                KeyLength = _key.WrittenCount,
            }
        );
    }

    /// <summary>A delete and an insert of one key in one transaction (REPLACE) is an update.</summary>
    private void Fold()
    {
        for (var i = 0; i < _effects.Count - 1; i++)
        {
            var deleted = _effects[i];
            if (deleted.Kind != ChangeKind.Deleted)
            {
                continue;
            }
            for (var j = i + 1; j < _effects.Count; j++)
            {
                var inserted = _effects[j];
                if (inserted.Kind == ChangeKind.Inserted && SameRow(deleted, inserted))
                {
                    _effects.RemoveAt(j);
                    _effects.RemoveAt(i--);
                    if (deleted.Before is null || !deleted.Before.Equals(inserted.After))
                    {
                        // Replaced by itself nothing happened; else it is news where the new row came.
                        inserted.Before = deleted.Before;
                        inserted.Kind = ChangeKind.Updated;
                        _effects.Insert(j - 1, inserted);
                    }
                    break;
                }
            }
        }
    }

    private bool SameRow(in Effect left, in Effect right) =>
        left.Table == right.Table && (left.KeyStart < 0 || KeyOf(left).SequenceEqual(KeyOf(right)));

    private ReadOnlySpan<byte> KeyOf(in Effect effect) => _effectKeys.WrittenSpan.Slice(effect.KeyStart, effect.KeyLength);

    /// <summary>Decides what the mirror took, in order; state moves between the decisions.</summary>
    private void DecideAll(Entity<TState> entity, in CommandInfo command, ReadOnlySpan<byte> leg, bool hadRoot)
    {
        var rootEnds = false;
        if (entity.HasRoot && !hadRoot)
        {
            RootArrives(entity);
        }
        else if (!entity.HasRoot)
        {
            rootEnds = hadRoot && _effects.Exists(effect => effect.Table == 0);
            if (!rootEnds)
            {
                // Children before their root: they wait in the mirror.
                entity.WaitingSince = entity.Waiting > 0 && entity.CountedWaiting == 0 ? command.Time : entity.WaitingSince;
                return;
            }
        }
        Touch(entity);
        entity.Sequence++;
        Change<TRoot>? root = null;
        foreach (var effect in _effects)
        {
            _cancellation.ThrowIfCancellationRequested();
            var row = _layout.Rows[effect.Table];
            if (effect.Table == 0 && _aggregate.AfterTransaction is not null)
            {
                root = row.AsRoot(effect.Before, effect.After, effect.Kind);
            }
            if (row.Decides)
            {
                Publish(entity, command, leg, row.Decide(entity.State, effect.Before, effect.After, effect.Kind, _context));
            }
        }
        if (_aggregate.AfterTransaction is { } after)
        {
            Publish(entity, command, leg, after(entity.State, root, _context));
        }
        if (rootEnds && !entity.HasRoot)
        {
            // The end of this entity: a root with the same key later is another one. Children it leaves behind wait for that.
            entity.WaitingSince = command.Time;
            entity.State = _aggregate.Initial;
            entity.StateLength = 0;
        }
    }

    /// <summary>The root came: it is decided first, with what became of it in the same transaction, then every child that waited for it, as new.</summary>
    private void RootArrives(Entity<TState> entity)
    {
        _effects.RemoveAll(static effect => effect.Table != 0);
        for (var table = 1; table < _layout.Rows.Length; table++)
        {
            if (entity.Counts[table] == 0 || !(_layout.Rows[table].Decides || _aggregate.AfterTransaction is not null))
            {
                continue;
            }
            foreach (var key in ChildKeys(entity, table, below: int.MaxValue))
            {
                if (_transaction.TryGet(key, out var value))
                {
                    _key.ResetWrittenCount();
                    _key.Write(key);
                    AddEffect(table, ChangeKind.Inserted, null, Record(_layout.Rows[table], MirrorValue.Row(value)));
                }
            }
        }
    }

    private void Publish(Entity<TState> entity, in CommandInfo command, ReadOnlySpan<byte> leg, IEnumerable<TEvent> decided)
    {
        // A decision that made its events already needs no enumerator.
        if (decided is IList<TEvent> list)
        {
            for (var i = 0; i < list.Count; i++)
            {
                PublishOne(entity, command, leg, list[i]);
            }
            return;
        }
        foreach (var e in decided)
        {
            PublishOne(entity, command, leg, e);
        }
    }

    private void PublishOne(Entity<TState> entity, in CommandInfo command, ReadOnlySpan<byte> leg, TEvent e)
    {
        _events.Add(e, command, leg, entity.Sequence);
        Evolve(entity, e);
    }

    private void Evolve(Entity<TState> entity, TEvent e)
    {
        var state = _aggregate.Evolve(entity.State, e, _context);
        if (!ReferenceEquals(state, entity.State))
        {
            entity.State = state;
            entity.StateLength = 0;
        }
    }
}
