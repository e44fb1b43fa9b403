using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Millrace;

/// <summary>Lists the entities that are held, from the deciding partitions' committed state.</summary>
internal static class HeldReader
{
    /// <summary>Those of the live generation.</summary>
    public static IEnumerable<HeldEntityInfo> Read(Runtime runtime) => Read(runtime, runtime.Application.Live);

    /// <summary>Those of a generation.</summary>
    public static IEnumerable<HeldEntityInfo> Read(Runtime runtime, int generation)
    {
        foreach (var aggregate in runtime.Application.Topology.Aggregates)
        {
            for (var partition = 0; partition < runtime.Application.Map.Partitions; partition++)
            {
                var state = runtime.Engine.OpenState(runtime.Application.DecideGroup(aggregate, generation), partition);
                var held = new List<(byte[] Entity, HeldEntity Held)>();
                using (var cursor = state.Range([StateKeys.Held], [StateKeys.Held + 1]))
                {
                    while (cursor.MoveNext())
                    {
                        var id = new ArrayBufferWriter<byte>();
                        StateKeys.ReadText(cursor.Key[1..], id);
                        held.Add((id.WrittenSpan.ToArray(), JsonSerializer.Deserialize(cursor.Value, MillraceJson.Default.HeldEntity)!));
                    }
                }
                foreach (var (entity, why) in held)
                {
                    yield return new HeldEntityInfo(
                        aggregate.Name,
                        Encoding.UTF8.GetString(entity),
                        why.Parked,
                        why.Reason,
                        why.CommandId,
                        Count(state, entity),
                        why.Table,
                        why.Key
                    );
                }
            }
        }
    }

    private static int Count(Millrace.Engines.IStateReader state, byte[] entity)
    {
        var key = new ArrayBufferWriter<byte>();
        StateKeys.Begin(key, StateKeys.Queue, entity);
        var count = 0;
        using var cursor = state.Range(key.WrittenSpan, StateKeys.After(key.WrittenSpan));
        while (cursor.MoveNext())
        {
            count++;
        }
        return count;
    }
}
