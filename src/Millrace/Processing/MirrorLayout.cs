using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Which table has which number in the state's keys. The numbers are given at first sight and kept in the state, so that the order in which a
/// definition names its tables means nothing. The root is always 0.
/// </summary>
internal sealed class MirrorLayout<TRoot, TState, TEvent>(AggregateBuilder<TRoot, TState, TEvent> aggregate) : IMirrorTables
    where TRoot : class, IRow<TRoot>
    where TState : class
    where TEvent : class
{
    public MirroredRow<TRoot, TState, TEvent>[] Rows { get; private set; } = [.. aggregate.Rows];
    public ReferenceRow[] References { get; private set; } = [.. aggregate.ReferenceRows];

    /// <summary>The tables by their numbers.</summary>
    public string[] Tables => [.. Rows.Select(row => row.Definition.Table)];

    /// <summary>The reference tables by their numbers.</summary>
    public string[] ReferenceTables { get; private set; } = [];
    private byte[][] _rowNames = [];
    private byte[][] _referenceNames = [];

    /// <summary>Takes the numbers from the state, and gives new tables the next ones.</summary>
    public void Load(ITransaction transaction)
    {
        Rows = Order(transaction, StateKeys.Tables, Rows, row => row.Definition.Table);
        References = Order(transaction, StateKeys.References, References, reference => reference.Definition.Table);
        ReferenceTables = [.. References.Select(reference => reference.Definition.Table)];
        _rowNames = [.. Rows.Select(row => Encoding.UTF8.GetBytes(row.Definition.Table))];
        _referenceNames = [.. References.Select(reference => Encoding.UTF8.GetBytes(reference.Definition.Table))];
    }

    /// <summary>A mirrored table's number; -1 when the aggregate has no such table.</summary>
    public int TableOf(ReadOnlySpan<byte> name) => Find(_rowNames, name);

    /// <summary>A reference table's number; -1 when the aggregate declares no such reference.</summary>
    public int ReferenceOf(ReadOnlySpan<byte> name) => Find(_referenceNames, name);

    private static int Find(byte[][] names, ReadOnlySpan<byte> name)
    {
        for (var i = 0; i < names.Length; i++)
        {
            if (name.SequenceEqual(names[i]))
            {
                return i;
            }
        }
        return -1;
    }

    private static T[] Order<T>(ITransaction transaction, ReadOnlySpan<byte> key, T[] given, Func<T, string> name)
    {
        var saved = transaction.TryGet(key, out var json) ? JsonSerializer.Deserialize(json, MillraceJson.Default.StringArray)! : [];
        var names = saved.Concat(given.Select(name).Except(saved)).ToArray();
        if (names.Length > saved.Length)
        {
            transaction.Put(key, JsonSerializer.SerializeToUtf8Bytes(names, MillraceJson.Default.StringArray));
        }
        // A table can only be added: the fingerprint refuses a topology that lost one.
        return [.. names.Select(wanted => given.First(table => name(table) == wanted))];
    }
}

/// <summary>Which tables have which numbers in the state's keys.</summary>
internal interface IMirrorTables
{
    string[] Tables { get; }
    string[] ReferenceTables { get; }
}
