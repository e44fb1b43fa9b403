using Microsoft.Extensions.Logging;
using Millrace.MySql.Binlog;
using Millrace.MySql.Capture;
using Millrace.MySql.Position;
using Millrace.MySql.Protocol;
using Millrace.MySql.Rows;
using Millrace.MySql.Snapshot;
using Millrace.Sources;
using MySqlConnector;

namespace Millrace.MySql;

/// <summary>Captures a database of MySQL or MariaDB from its binlog and from snapshots of its tables.</summary>
internal sealed class MySqlSource : ISource
{
    static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    /// <summary>A position that is lost again so soon after a new epoch is not cured by another.</summary>
    static readonly TimeSpan EpochAtLeast = TimeSpan.FromMinutes(1);

    /// <summary>A commit that semi-synchronous replication holds is let go after 10 s where nobody configured another time.</summary>
    static readonly TimeSpan ExecutedWithin = TimeSpan.FromSeconds(30);

    const int DatabaseAccessDenied = 1044;
    const int AccessDenied = 1045;
    const int UnknownDatabase = 1049;
    const int TableAccessDenied = 1142;
    const int PrivilegeMissing = 1227;

    readonly ServerAddress _address;
    readonly MySqlSourceOptions _options;
    readonly TimeProvider _clock;
    readonly ILogger _log;
    readonly TableRules _rules;

    public MySqlSource(string name, MySqlSourceOptions options, TimeProvider clock, ILogger log)
    {
        Name = name;
        _options = options;
        _clock = clock;
        _log = log;
        _address = new ServerAddress(name, options.ConnectionString);
        _rules = new TableRules(options.Excluded, options.Masked, options.MaskSecret);
    }

    /// <inheritdoc />
    public string Name { get; }

    /// <inheritdoc />
    public async ValueTask<IReadOnlyList<string>> CheckAsync(IReadOnlyList<CapturedTable> tables, CancellationToken cancellation) =>
        await StartCheck.Run(Name, _address, _rules, tables, cancellation);

    /// <inheritdoc />
    public async Task RunAsync(ICapture capture, CancellationToken cancellation)
    {
        if (_rules.ProblemsWith(capture.Tables.Select(table => table.Name)).FirstOrDefault() is { } problem)
            throw new SourceException($"{Name}: {problem}");
        var leaveOut = new HashSet<BinlogPosition>();
        var pause = FirstPause;
        long? epochBegan = null;
        while (true)
        {
            var began = _clock.GetTimestamp();
            string reason;
            try
            {
                await RunOnce(capture, leaveOut, cancellation);
                continue;
            }
            catch (Exception e) when (cancellation.IsCancellationRequested)
            {
                throw new OperationCanceledException("the capture was stopped", e, cancellation);
            }
            catch (RolledBackException e)
            {
                leaveOut.Add(e.Begin);
                continue;
            }
            catch (Exception e) when (e is PositionLostException or PositionGoneException)
            {
                if (epochBegan is { } last && _clock.GetElapsedTime(last) < EpochAtLeast)
                    throw new SourceException($"{Name}: the position was lost again right after a new beginning. {e.Message}", e);
                epochBegan = _clock.GetTimestamp();
                reason = e.Message;
                if (await TryBeginEpoch(capture, reason, cancellation))
                    continue;
            }
            catch (Exception e)
                when (e is AccessDeniedException or MissingPrivilegeException or TlsFailedException or AuthenticationUnsupportedException)
            {
                throw new SourceException($"{Name}: {e.Message}", e);
            }
            catch (MySqlException e)
                when (e.Number is AccessDenied or DatabaseAccessDenied or TableAccessDenied or PrivilegeMissing or UnknownDatabase)
            {
                throw new SourceException($"{Name}, as {_address.Binlog}: {e.Message}", e);
            }
            catch (Exception e) when (e is BinlogException and not BinlogChecksumException or ServerIdCollisionException or RowException)
            {
                throw new SourceException($"{Name}: {e.Message}", e);
            }
            catch (Exception e) when (e is WireException or MySqlException)
            {
                reason = e.Message;
            }
            pause = _clock.GetElapsedTime(began) > LongestPause ? FirstPause : pause;
            Log.Reconnects(_log, Name, pause, reason);
            var position = SavedState.Position(capture.Saved);
            capture.Report(
                new SourceStatus
                {
                    Connected = false,
                    Position = position is null ? null : $"{position.File}:{position.Offset}",
                    Problem = reason,
                }
            );
            await Task.Delay(pause, _clock, cancellation);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    async Task RunOnce(ICapture capture, HashSet<BinlogPosition> leaveOut, CancellationToken cancellation)
    {
        await using var sql = new MySqlConnection(_address.Sql);
        await sql.OpenAsync(cancellation);
        var server = await ServerFacts.Read(sql, cancellation);
        if (server.Obstacle() is { } obstacle)
            throw new SourceException($"{Name}, {_address.Binlog}: {obstacle}");
        var head = await server.ReadHead(sql, cancellation);
        var position = SavedState.Position(capture.Saved) ?? await SaveStart(capture, null, server, head, cancellation);
        if (await IsExecutedSoon(position, server, head, sql, cancellation))
            head = await server.ReadHead(sql, cancellation);
        position = Follow(position, server, head);
        var gtids = GtidTracker.Of(server.HasGtids ? position.Gtids : null, server.IsMariaDb);
        var tables = await Tables(capture, server, sql, cancellation);
        await using var reader = await Dump(position, gtids, server, cancellation);
        Log.Connected(_log, Name, _address.Binlog.ToString(), gtids?.ToString() ?? $"{position.File}:{position.Offset}");
        var loop = new CaptureLoop(capture, Name, position, gtids, reader, server, sql, tables, leaveOut, _clock, _log);

        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var snapshots = new SnapshotWorker(_address.Sql, server, _options.ChunkRows, _clock);
        var watch = new HeadWatch(_address.Sql, server, _clock);
        Task[] running = [loop.Run(end.Token), snapshots.Run(loop, end.Token), watch.Run(loop.Seen, end.Token)];
        var first = await Task.WhenAny(running);
        await end.CancelAsync();
        await Task.WhenAll(running).ContinueWith(static _ => { }, TaskScheduler.Default);
        await first;
    }

    async Task<TableSet> Tables(ICapture capture, ServerFacts server, MySqlConnection sql, CancellationToken ct)
    {
        var tables = new TableSet(capture, server, _address.Database, _rules);
        await tables.Refresh(sql, ct);
        foreach (var table in tables.All)
        {
            // The stream may still be before a change of the definition; it tells when to look again.
            table.Schema = SavedState.Schema(capture.Saved, table.Name) ?? table.Schema;
            if (table.Schema is null)
            {
                throw new SourceException(
                    $"{Name}: the database {_address.Database} has no table {table.Name}, or {_address.Binlog.User} may not read it. "
                        + $"Create it, correct the row record's [Row], or GRANT SELECT ON `{_address.Database}`.* TO the user."
                );
            }
        }
        return tables;
    }

    async Task<BinlogReader> Dump(SavedPosition position, GtidTracker? gtids, ServerFacts server, CancellationToken ct)
    {
        // On one and the same MariaDB file and offset say more exactly than its GTID where events stand.
        var byGtid = gtids is { IsEmpty: false } && (!server.IsMariaDb || position.File.Length == 0);
        var connection = await ServerConnection.Open(_address.Binlog, ct);
        try
        {
            return await ReplicationClient.Start(
                connection,
                new DumpOptions
                {
                    ServerId = _options.ReplicaId ?? position.ReplicaId,
                    Start = byGtid ? gtids!.Start : new BinlogStart.At(new BinlogPosition(position.File, position.Offset)),
                    Heartbeat = _options.Heartbeat,
                },
                ct
            );
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Waits for transactions that the stream has told and the same server has not finished: it sends a commit before it counts it as executed, and with
    /// semi-synchronous replication long before. They are on their way, and not lost.
    /// </summary>
    static async Task<bool> IsExecutedSoon(
        SavedPosition position,
        ServerFacts server,
        ServerHead head,
        MySqlConnection sql,
        CancellationToken ct
    )
    {
        if (server.IsMariaDb || !server.HasGtids || position.Server != server.Identity)
            return false;
        if (GtidTracker.Of(position.Gtids, mariaDb: false) is not { IsEmpty: false } gtids || gtids.IsPartOf(head.Gtids ?? ""))
            return false;
        await using var wait = new MySqlCommand("SELECT WAIT_FOR_EXECUTED_GTID_SET(@set, @seconds)", sql) { CommandTimeout = 0 };
        wait.Parameters.AddWithValue("@set", position.Gtids);
        wait.Parameters.AddWithValue("@seconds", ExecutedWithin.TotalSeconds);
        return Convert.ToInt64(await wait.ExecuteScalarAsync(ct)) == 0;
    }

    /// <summary>Makes sure that the saved position means something to this server, and goes over to another that has all the same transactions.</summary>
    SavedPosition Follow(SavedPosition position, ServerFacts server, ServerHead head)
    {
        var gtids = GtidTracker.Of(server.HasGtids ? position.Gtids : null, server.IsMariaDb);
        if (gtids is not null && !gtids.IsPartOf(head.Gtids ?? ""))
            throw new PositionGoneException(
                $"the server has not executed all of {gtids}, which was read before; it has {head.Gtids}: it was rebuilt, or is another"
            );
        if (position.Server == server.Identity)
            return position;
        if (gtids is null or { IsEmpty: true })
            throw new PositionGoneException(
                $"this is another server than that of the saved position ({server.Identity}, not {position.Server})"
            );
        Log.FollowsAnotherServer(_log, Name, server.Identity);
        return position with
        {
            Server = server.Identity,
            // Places must go on growing; the other server counts its files in its own way.
            FileShift = position.FileShift + (long)BinlogPosition.FileNumber(position.File),
            File = "",
            Offset = 0,
            FileCreated = 0,
            Part = null,
        };
    }

    /// <summary>Saves the head as the place to begin at: of the first epoch, or of the one after <paramref name="before"/>.</summary>
    static async Task<SavedPosition> SaveStart(
        ICapture capture,
        SavedPosition? before,
        ServerFacts server,
        ServerHead head,
        CancellationToken ct
    )
    {
        var start = new SavedPosition
        {
            Epoch = (before?.Epoch ?? 0) + 1,
            Server = server.Identity,
            ReplicaId = before?.ReplicaId ?? 1_000_000_000 + (uint)Random.Shared.Next(1_000_000_000),
            File = head.Position.File,
            Offset = head.Position.Offset,
            Gtids = head.Gtids,
            Snapshot = before?.Snapshot ?? 0,
        };
        var batch = capture.Begin();
        SavedState.Save(batch, start);
        foreach (var table in capture.Tables)
            SavedState.ForgetSchema(batch, table.Name);
        await batch.CommitAsync(ct);
        return start;
    }

    /// <summary>Begins anew at the head with a snapshot of every table; false when the server cannot be reached.</summary>
    async Task<bool> TryBeginEpoch(ICapture capture, string reason, CancellationToken ct)
    {
        try
        {
            await using var sql = new MySqlConnection(_address.Sql);
            await sql.OpenAsync(ct);
            var server = await ServerFacts.Read(sql, ct);
            var start = await SaveStart(capture, SavedState.Position(capture.Saved), server, await server.ReadHead(sql, ct), ct);
            Log.EpochBegins(_log, Name, start.Epoch, reason);
            return true;
        }
        catch (MySqlException)
        {
            return false;
        }
    }
}
