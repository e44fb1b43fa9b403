using System.Text;
using System.Text.Json;
using Millrace.Engines;
using Millrace.Sources;

namespace Millrace.MySql.Tests.Source;

/// <summary>
/// The runtime's side of a source as its contract describes it, in its simplest form: what was committed, and the rows that follow from it.
/// It outlives the sources that run on it, as an engine's folder would.
/// </summary>
internal sealed class RecordingCapture(params CapturedTable[] tables) : ICapture
{
    readonly Lock _gate = new();
    readonly SortedDictionary<string, byte[]> _state = new(StringComparer.Ordinal);
    readonly Dictionary<string, Dictionary<string, Row>> _rows = tables.ToDictionary(t => t.Name, _ => new Dictionary<string, Row>());
    readonly Dictionary<string, int> _marks = [];
    SourcePosition _highest;

    sealed record Row(string Json, int Mark);

    /// <summary>One change that made a difference, in the order of commits.</summary>
    public sealed record Fact(string Table, string Key, string? Before, string? After, bool FromSnapshot, string Transaction);

    public static CapturedTable Table(string name, params string[] key) => new(name, key, key, key, []);

    public List<Fact> Facts { get; } = [];

    /// <summary>Marks of snapshots and truncations, in order: "began t 1".</summary>
    public List<string> Marks { get; } = [];

    public List<SourcePosition> Positions { get; } = [];

    public int Commits { get; private set; }

    public int Dropped { get; private set; }

    public SourceStatus Status { get; private set; } = new() { Connected = false };

    public IReadOnlyList<IReadOnlyList<Cascade>> Cascades => _cascades;

    readonly List<IReadOnlyList<Cascade>> _cascades = [];

    /// <summary>Transactions of an earlier time than a watermark that was reported before them, by the most they are late.</summary>
    public TimeSpan Latest { get; private set; }

    long _said;

    /// <summary>Called before each commit; what it throws is a commit that failed.</summary>
    public Action<int>? BeforeCommit { get; set; }

    public IReadOnlyList<CapturedTable> Tables { get; set; } = tables;

    public IStateReader Saved
    {
        get
        {
            lock (_gate)
                return new Reader(new SortedDictionary<string, byte[]>(_state, StringComparer.Ordinal));
        }
    }

    /// <summary>A table's rows as JSON, by key.</summary>
    public Dictionary<string, string> Rows(string table)
    {
        lock (_gate)
            return _rows.TryGetValue(table, out var rows) ? rows.ToDictionary(r => r.Key, r => r.Value.Json) : [];
    }

    public IReadOnlyList<Fact> FactsOf(string table)
    {
        lock (_gate)
            return [.. Facts.Where(f => f.Table == table)];
    }

    /// <summary>All that was handed over or saved, as text to search in.</summary>
    public string Everything()
    {
        lock (_gate)
            return string.Join('\n', Facts)
                + string.Join('\n', _state.Select(saved => $"{saved.Key} {Encoding.UTF8.GetString(saved.Value)}"));
    }

    public IReadOnlyList<string> MarksSoFar()
    {
        lock (_gate)
            return [.. Marks];
    }

    /// <summary>Forgets a saved value, as if it had never been written.</summary>
    public void Lose(string prefix)
    {
        lock (_gate)
        {
            foreach (var key in _state.Keys.Where(k => k.StartsWith(prefix, StringComparison.Ordinal)).ToList())
                _state.Remove(key);
        }
    }

    public BoundTable Bind(CapturedTable table, IReadOnlyList<string> columns, IReadOnlyList<Cascade> cascades)
    {
        _cascades.Add(cascades);
        return new Bound(table, [.. columns]);
    }

    public ICaptureBatch Begin() => new Batch(this);

    public void Report(SourceStatus status)
    {
        Status = status;
        lock (_gate)
            _said = Math.Max(_said, status.Watermark ?? 0);
    }

    sealed class Bound(CapturedTable table, string[] columns) : BoundTable(table)
    {
        public string Key(RowImage row)
        {
            var key = new StringBuilder();
            foreach (var column in Table.KeyColumns)
                key.Append(Encoding.UTF8.GetString(row.Value(Array.IndexOf(columns, column)))).Append(' ');
            return key.ToString().TrimEnd();
        }
    }

    sealed class Batch(RecordingCapture capture) : ICaptureBatch
    {
        readonly List<Action> _changes = [];
        readonly List<(byte[] Key, byte[]? Value)> _saved = [];
        bool _isOpen;
        bool _isSnapshot;
        string _id = "";
        SourcePosition _position;

        public int Bytes { get; private set; }

        public void BeginTransaction(ReadOnlySpan<byte> id, SourcePosition position, long time)
        {
            Enter(Encoding.UTF8.GetString(id), false);
            _position = position;
            lock (capture._gate)
                capture.Latest = TimeSpan.FromMicroseconds(Math.Max(capture.Latest.TotalMicroseconds, capture._said - time));
            Assert.InRange(
                DateTimeOffset.UnixEpoch.AddTicks(time * 10),
                DateTimeOffset.UtcNow.AddHours(-1),
                DateTimeOffset.UtcNow.AddHours(1)
            );
            _changes.Add(() =>
            {
                if (position <= capture._highest)
                    capture.Dropped++;
                capture.Positions.Add(position);
            });
        }

        public void BeginChunk(int snapshot, int chunk, long time) => Enter($"snapshot {snapshot} chunk {chunk}", true);

        void Enter(string id, bool snapshot)
        {
            Assert.False(_isOpen, "a transaction begins inside another");
            (_isOpen, _isSnapshot, _id) = (true, snapshot, id);
        }

        public void Insert(BoundTable table, RowImage after) => Put((Bound)table, after);

        public void Update(BoundTable table, RowImage before, RowImage after)
        {
            var bound = (Bound)table;
            if (bound.Key(before) != bound.Key(after))
                Delete(table, before);
            Put(bound, after);
        }

        public void Delete(BoundTable table, RowImage before, bool cascades = true)
        {
            var (bound, key) = ((Bound)table, ((Bound)table).Key(before));
            Change(bound.Table.Name, key, null);
        }

        void Put(Bound table, RowImage row)
        {
            var json = Encoding.UTF8.GetString(row.Json);
            using (JsonDocument.Parse(json)) { }
            Change(table.Table.Name, table.Key(row), json);
        }

        void Change(string table, string key, string? json)
        {
            Assert.True(_isOpen, "a row outside of a transaction");
            var (snapshot, id, position) = (_isSnapshot, _id, _position);
            _changes.Add(() =>
            {
                if (!snapshot && position <= capture._highest)
                    return;
                var rows = capture._rows.TryGetValue(table, out var known) ? known : capture._rows[table] = [];
                rows.TryGetValue(key, out var before);
                if (before?.Json != json)
                    capture.Facts.Add(new Fact(table, key, before?.Json, json, snapshot, id));
                if (json is null)
                    rows.Remove(key);
                else
                    rows[key] = new Row(json, capture._marks.GetValueOrDefault(table));
            });
            Bytes += 100 + (json?.Length ?? 0);
        }

        public void End()
        {
            Assert.True(_isOpen, "an end without a beginning");
            _isOpen = false;
            if (_isSnapshot)
                return;
            var position = _position;
            _changes.Add(() => capture._highest = position > capture._highest ? position : capture._highest);
        }

        public void SnapshotBegan(CapturedTable table, int snapshot, long time) =>
            _changes.Add(() =>
            {
                Assert.True(snapshot > capture._marks.GetValueOrDefault(table.Name), "ids of snapshots grow");
                capture._marks[table.Name] = snapshot;
                capture.Marks.Add($"began {table.Name} {snapshot}");
            });

        public void SnapshotEnded(CapturedTable table, int snapshot, long time) =>
            _changes.Add(() =>
            {
                capture.Marks.Add($"ended {table.Name} {snapshot}");
                Sweep(table.Name, snapshot, "sweep");
            });

        public void AllSnapshotsEnded(long time) => _changes.Add(() => capture.Marks.Add("all ended"));

        public void Truncated(CapturedTable table, int snapshot, ReadOnlySpan<byte> id, SourcePosition position, long time)
        {
            var name = Encoding.UTF8.GetString(id);
            _changes.Add(() =>
            {
                if (position <= capture._highest)
                    return;
                capture._highest = position;
                capture.Marks.Add($"truncated {table.Name} {snapshot}");
                Sweep(table.Name, int.MaxValue, name);
            });
        }

        void Sweep(string table, int snapshot, string id)
        {
            foreach (var (key, row) in capture._rows[table].Where(r => r.Value.Mark != snapshot).ToList())
            {
                capture._rows[table].Remove(key);
                capture.Facts.Add(new Fact(table, key, row.Json, null, true, id));
            }
        }

        public void Save(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => _saved.Add((key.ToArray(), value.ToArray()));

        public void Forget(ReadOnlySpan<byte> key) => _saved.Add((key.ToArray(), null));

        public ValueTask CommitAsync(CancellationToken cancellation)
        {
            Assert.False(_isOpen, "a commit inside a transaction");
            lock (capture._gate)
            {
                capture.BeforeCommit?.Invoke(capture.Commits);
                foreach (var change in _changes)
                    change();
                foreach (var (key, value) in _saved)
                {
                    var name = Encoding.UTF8.GetString(key);
                    if (value is null)
                        capture._state.Remove(name);
                    else
                        capture._state[name] = value;
                }
                capture.Commits++;
            }
            return default;
        }
    }

    sealed class Reader(SortedDictionary<string, byte[]> state) : IStateReader
    {
        public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
        {
            var found = state.TryGetValue(Encoding.UTF8.GetString(key), out var bytes);
            value = bytes;
            return found;
        }

        public StateCursor Range(ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool descending = false)
        {
            var (first, end) = (Encoding.UTF8.GetString(from), Encoding.UTF8.GetString(to));
            return new Cursor([.. state.Where(e => string.CompareOrdinal(e.Key, first) >= 0 && string.CompareOrdinal(e.Key, end) < 0)]);
        }
    }

    sealed class Cursor(List<KeyValuePair<string, byte[]>> entries) : StateCursor
    {
        int _at = -1;

        public override bool MoveNext() => ++_at < entries.Count;

        public override ReadOnlySpan<byte> Key => Encoding.UTF8.GetBytes(entries[_at].Key);

        public override ReadOnlySpan<byte> Value => entries[_at].Value;

        public override void Dispose() { }
    }
}
