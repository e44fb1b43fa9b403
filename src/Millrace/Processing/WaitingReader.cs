using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>Lists the rows that wait for their root, from the deciding partitions' committed state.</summary>
internal static class WaitingReader
{
    public static IEnumerable<WaitingRows> Read(Runtime runtime)
    {
        foreach (var aggregate in runtime.Application.Topology.Aggregates)
        {
            for (var partition = 0; partition < runtime.Application.Map.Partitions; partition++)
            {
                foreach (var rows in Read(aggregate, runtime.Engine.OpenState(runtime.Application.DecideGroup(aggregate), partition)))
                {
                    yield return rows;
                }
            }
        }
    }

    private static IEnumerable<WaitingRows> Read(AggregateDefinition aggregate, IStateReader state)
    {
        var whole = state.TryGet(StateKeys.Whole, out var count) ? BinaryPrimitives.ReadInt32BigEndian(count) : 0;
        var tables = state.TryGet(StateKeys.Tables, out var json)
            ? JsonSerializer.Deserialize(json, MillraceJson.Default.StringArray)!
            : [];
        var id = new ArrayBufferWriter<byte>();
        var key = new ArrayBufferWriter<byte>();
        byte[] from = [StateKeys.WaitingEntity];
        while (Next(state, ref from, out var waiting))
        {
            id.ResetWrittenCount();
            StateKeys.ReadText(from.AsSpan(1), id);
            StateKeys.Begin(key, StateKeys.Entity, id.WrittenSpan);
            var rows = new int[tables.Length];
            if (state.TryGet(key.WrittenSpan, out var value))
            {
                Entity<object>.ReadCounts(value, rows);
            }
            var entity = Encoding.UTF8.GetString(id.WrittenSpan);
            for (var table = 1; table < tables.Length; table++)
            {
                if (rows[table] > 0)
                {
                    yield return Describe(aggregate, entity, tables[table], rows[table], waiting, whole);
                }
            }
            from = [.. from, 0];
        }
    }

    /// <summary>Finds the next entity and goes to it. Each on its own, since a caller may take its time between two.</summary>
    private static bool Next(IStateReader state, ref byte[] from, out WaitingEntity waiting)
    {
        using var cursor = state.Range(from, [StateKeys.WaitingEntity + 1]);
        var found = cursor.MoveNext();
        waiting = found ? WaitingEntity.Read(cursor.Value) : default;
        from = found ? cursor.Key.ToArray() : from;
        return found;
    }

    private static WaitingRows Describe(
        AggregateDefinition aggregate,
        string entity,
        string table,
        int rows,
        in WaitingEntity waiting,
        int whole
    )
    {
        var root = $"{aggregate.Root.Table} {entity}";
        var orphan = waiting.Began < whole;
        var reason =
            !orphan && whole == 0 ? $"{root} has not arrived; the snapshot of all tables has not ended."
            : !orphan ? $"{root} has not arrived."
            : waiting.Done < whole && aggregate.OrphansOf(table) == Orphans.Drop
                ? $"Every table was shown whole without {root}: what waited then is being dropped."
            : $"Every table was shown whole without {root}; the policy for {table} is to wait on.";
        return new WaitingRows(aggregate.Name, entity, table, rows, Instants.Of(waiting.Since), orphan, reason);
    }
}
