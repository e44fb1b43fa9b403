using System.Text;
using Millrace.MySql.Binlog;
using Millrace.MySql.Position;
using Millrace.MySql.Rows;
using Millrace.Sources;

namespace Millrace.MySql.Capture;

internal sealed partial class CaptureLoop
{
    /// <summary>The most that prepared XA transactions may hold together.</summary>
    const long MostPreparedBytes = 512L * 1024 * 1024;

    async ValueTask TakeStatement(CancellationToken ct)
    {
        var kind = new SqlStatement(QueryEvent.Read(_reader.Body).Sql).Kind;
        if (!_inTransaction)
            Begin(HeaderTime, isExplicit: false);
        switch (kind)
        {
            case StatementKind.Begin:
                _isExplicit = true;
                return;
            case StatementKind.Commit:
                End();
                return;
            case StatementKind.Rollback:
                Rollback();
                return;
            case StatementKind.XaStart:
                _isExplicit = true;
                _xa = [];
                return;
            case StatementKind.XaCommit or StatementKind.XaRollback:
                await FinishPrepared(kind, ct);
                End();
                return;
            case StatementKind.Dml:
                await RefuseStatement(ct);
                break;
            case StatementKind.Nothing:
                break;
            default:
                Define(kind);
                break;
        }
        if (!_isExplicit)
            End();
    }

    void Rollback()
    {
        if (_isHandedOver && _parts == 0)
            throw new RolledBackException(_begin);
        if (_parts > 0)
        {
            foreach (var table in _tables.All)
                Resynchronize(table, $"a large transaction at {_begin} was rolled back");
        }
        End();
    }

    /// <summary>A definition changes, or a table is emptied or replaced. What it is like afterwards is looked up, not read from the statement.</summary>
    void Define(StatementKind kind)
    {
        var query = QueryEvent.Read(_reader.Body);
        var session = Encoding.UTF8.GetString(query.Database);
        if (!_tables.IsDatabase(session) && !SqlStatement.Mentions(query.Sql, Encoding.UTF8.GetBytes(_tables.Database)))
            return;
        _schemaStale = true;
        if (kind == StatementKind.DropDatabase)
        {
            if (new SqlStatement(query.Sql).NextTable(out _, out var name) && _tables.IsDatabase(name))
            {
                foreach (var table in _tables.All)
                    Empty(table);
            }
            return;
        }
        if (kind is not (StatementKind.Truncate or StatementKind.DropTable or StatementKind.RenameTable or StatementKind.AlterTable))
            return;
        var named = new List<TableBinding?>();
        var statement = new SqlStatement(query.Sql);
        while (statement.NextTable(out var database, out var name))
        {
            named.Add(_tables.Find(database ?? session, name));
            if (kind is StatementKind.Truncate or StatementKind.AlterTable)
                break;
        }
        foreach (var table in named)
        {
            if (table is not null)
                Void(table);
        }
        if (kind == StatementKind.RenameTable)
            Rename(named);
        else if (kind == StatementKind.AlterTable)
            Alter(named.FirstOrDefault(), query.Sql);
        else
            named.ForEach(Empty);
    }

    /// <summary>RENAME TABLE a TO b, c TO d. What was renamed to a captured name has rows that no event tells of.</summary>
    void Rename(List<TableBinding?> pairs)
    {
        for (var i = 0; i < pairs.Count; i++)
        {
            if (pairs[i] is not { } table)
                continue;
            if (i % 2 == 1)
                Resynchronize(table, "another table was renamed to it");
            else if (!pairs.Where((other, place) => place % 2 == 1 && other == table).Any())
                Empty(table);
        }
    }

    void Alter(TableBinding? table, ReadOnlySpan<byte> sql)
    {
        if (table is not null && (SqlStatement.Mentions(sql, "PARTITION"u8) || SqlStatement.Mentions(sql, "TABLESPACE"u8)))
            Resynchronize(table, "its partitions or its tablespace were changed");
    }

    void Empty(TableBinding? table)
    {
        if (table is null)
            return;
        _position = _position with { Snapshot = _position.Snapshot + 1 };
        Batch().Truncated(table.Captured, _position.Snapshot, _id.AsSpan(0, _idLength), Place(0), _time);
    }

    /// <summary>
    /// Rows changed by a statement that the binlog has as text. As long as the server goes on like that nothing can be captured; when it does
    /// so no longer, a snapshot makes up for what was missed.
    /// </summary>
    async ValueTask RefuseStatement(CancellationToken ct)
    {
        var concerned = Concerned();
        if (concerned.Count == 0)
            return;
        var server = await ServerFacts.Read(_sql, ct);
        if (server.Obstacle() is { } obstacle)
        {
            throw new SourceException(
                $"{_source}, at {_reader.Start}: a statement changed {string.Join(", ", concerned.Select(t => t.Name))} of {_tables.Database} and is in the binlog as text. {obstacle}"
            );
        }
        foreach (var table in concerned)
            Resynchronize(table, "a statement that changed it is in the binlog as text");
    }

    List<TableBinding> Concerned()
    {
        var query = QueryEvent.Read(_reader.Body);
        var concerned = new List<TableBinding>();
        var ours =
            _tables.IsDatabase(Encoding.UTF8.GetString(query.Database))
            || SqlStatement.Mentions(query.Sql, Encoding.UTF8.GetBytes(_tables.Database));
        if (!ours)
            return concerned;
        foreach (var table in _tables.All)
        {
            if (SqlStatement.Mentions(query.Sql, table.Utf8Name))
                concerned.Add(table);
        }
        return concerned;
    }

    async ValueTask TakeXaPrepare(CancellationToken ct)
    {
        var prepare = XaPrepareEvent.Read(_reader.Body);
        var events = _xa ?? [];
        _xa = null;
        if (prepare.OnePhase)
        {
            await Replay(events, ct);
        }
        else
        {
            // The position is held back before it, so that a restart finds its rows again.
            _prepared[prepare.Id] = new PreparedTransaction(_begin, _gtids?.ToString(), events);
            var held = _prepared.Values.Sum(p => p.Events.Sum(e => (long)e.Body.Length));
            if (held > MostPreparedBytes)
                throw new SourceException(
                    $"{_source}: prepared XA transactions hold {held} bytes of rows, more than {MostPreparedBytes}. Commit or roll back what XA RECOVER lists."
                );
        }
        End();
    }

    async ValueTask FinishPrepared(StatementKind kind, CancellationToken ct)
    {
        XaId id;
        {
            var statement = new SqlStatement(QueryEvent.Read(_reader.Body).Sql);
            id = XaId.Parse(statement.Rest);
        }
        if (_prepared.Remove(id, out var prepared))
        {
            if (kind == StatementKind.XaCommit)
                await Replay(prepared.Events, ct);
        }
        else if (kind == StatementKind.XaCommit)
        {
            // Prepared before the first position we ever had: nobody told us its rows.
            foreach (var table in _tables.All)
                Resynchronize(table, $"the XA transaction {id} was prepared before the capture began");
        }
    }

    /// <summary>Hands over rows that were kept, as part of the current transaction.</summary>
    async ValueTask Replay(List<RawEvent> events, CancellationToken ct)
    {
        if (_isLeftOut)
            return;
        var decoders = new RowDecoders(_server.IsMariaDb, _tables.SchemaOf, _tables.RulesOf);
        var maps = new Dictionary<ulong, TableBinding>();
        foreach (var kept in events)
        {
            if (kept.Type == BinlogEventType.TableMap)
            {
                var map = decoders.Take(kept.Body);
                if (_tables.Find(map.Database, map.Table) is { } table)
                    maps[map.Id] = table;
                continue;
            }
            if (_schemaStale)
                await Refresh(ct);
            var id = TableMap.IdOf(kept.Body);
            if (maps.TryGetValue(id, out var binding) && await Fits(binding, decoders, id, ct))
                HandOver(kept.Type, kept.Body, binding);
        }
    }
}
