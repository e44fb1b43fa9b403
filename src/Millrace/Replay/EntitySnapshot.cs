using System.Buffers;
using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>An entity at one moment: its state, and its rows.</summary>
/// <param name="Sequence">Its command ordinal.</param>
/// <param name="Held">Why its commands queue; null where they do not.</param>
/// <param name="State">Its state as JSON; null where it is the initial one.</param>
/// <param name="Root">Its root row; null where there is none.</param>
/// <param name="Rows">Its other rows, by table and key.</param>
internal sealed record EntitySnapshot(
    long Sequence,
    HeldEntity? Held,
    string? State,
    string? Root,
    IReadOnlyList<(string Table, string Row)> Rows
)
{
    /// <summary>Reads it from a deciding partition's state; null where there is no such entity.</summary>
    public static EntitySnapshot? Read(IStateReader state, string id)
    {
        var entity = Encoding.UTF8.GetBytes(id);
        var key = new ArrayBufferWriter<byte>();
        StateKeys.Begin(key, StateKeys.Entity, entity);
        if (!state.TryGet(key.WrittenSpan, out var value))
        {
            return null;
        }
        var found = new Entity<object>(entity, value[18]);
        var json = found.Read(value);
        var (own, root) = (Text(json), found.HasRoot ? Text(found.RootJson) : null);
        return new EntitySnapshot(found.Sequence, HeldOf(state, entity), own, root, RowsOf(state, entity));
    }

    /// <summary>Every entity that is held, with why.</summary>
    public static IEnumerable<(string Entity, HeldEntity Why)> HeldOf(IStateReader state)
    {
        var held = new List<(string, HeldEntity)>();
        using var cursor = state.Range([StateKeys.Held], [StateKeys.Held + 1]);
        while (cursor.MoveNext())
        {
            var id = new ArrayBufferWriter<byte>();
            StateKeys.ReadText(cursor.Key[1..], id);
            held.Add((Encoding.UTF8.GetString(id.WrittenSpan), JsonSerializer.Deserialize(cursor.Value, MillraceJson.Default.HeldEntity)!));
        }
        return held;
    }

    private static HeldEntity? HeldOf(IStateReader state, byte[] entity)
    {
        var key = new ArrayBufferWriter<byte>();
        StateKeys.Begin(key, StateKeys.Held, entity);
        return state.TryGet(key.WrittenSpan, out var held) ? JsonSerializer.Deserialize(held, MillraceJson.Default.HeldEntity) : null;
    }

    private static List<(string, string)> RowsOf(IStateReader state, byte[] entity)
    {
        var tables = state.TryGet(StateKeys.Tables, out var names)
            ? JsonSerializer.Deserialize(names, MillraceJson.Default.StringArray)!
            : [];
        var key = new ArrayBufferWriter<byte>();
        StateKeys.Begin(key, StateKeys.Child, entity);
        var length = key.WrittenCount;
        var rows = new List<(string, string)>();
        using var cursor = state.Range(key.WrittenSpan, StateKeys.After(key.WrittenSpan));
        while (cursor.MoveNext())
        {
            rows.Add((tables[cursor.Key[length]], Text(MirrorValue.Row(cursor.Value))!));
        }
        return rows;
    }

    private static string? Text(ReadOnlySpan<byte> json) => json.IsEmpty ? null : Encoding.UTF8.GetString(json);
}
