namespace Millrace.Engines.Contract;

/// <summary>An engine, and the time it lives in. Tests wait for conditions here and nowhere else, so that a simulated world can decide what happens next.</summary>
public abstract class World
{
    /// <summary>The engine now; another object after a restart.</summary>
    public abstract IEngine Engine { get; }

    /// <summary>Stops the engine cleanly and starts it on what it left.</summary>
    public abstract Task Restart();

    /// <summary>Waits until something is so; fails when it takes unreasonably long.</summary>
    public abstract Task Until(Func<bool> condition, string what);

    /// <summary>Whether offsets count records; otherwise they only ascend, because the engine keeps marks of its own among them.</summary>
    public virtual bool IsDense => true;

    /// <summary>
    /// Reads what is there now, from the record of that number on; the values as text. Offsets are given as numbers of records, whatever the
    /// engine counts.
    /// </summary>
    public List<Seen> ReadAll(TopicPartition source, long from = 0, bool durableOnly = false)
    {
        var all = ReadRaw(source, OffsetOf(source, from), durableOnly);
        for (var i = 0; i < all.Count; i++)
        {
            Assert.True(i == 0 || all[i].Offset > all[i - 1].Offset, "offsets do not ascend");
            Assert.True(!IsDense || all[i].Offset == from + i, "offsets are not dense");
            all[i] = all[i] with { Offset = from + i };
        }
        return all;
    }

    /// <summary>How many records of an input a group has committed.</summary>
    public long Handled(string group, TopicPartition source)
    {
        var committed = Engine.CommittedOffset(group, source);
        return IsDense ? committed : ReadRaw(source, 0, false).Count(s => s.Offset < committed);
    }

    /// <summary>The offset to read from in order to begin with the record of that number.</summary>
    public long OffsetOf(TopicPartition source, long number)
    {
        if (IsDense || number == 0)
        {
            return number;
        }
        var all = ReadRaw(source, 0, false);
        return number < all.Count ? all[(int)number].Offset : all[^1].Offset + 1;
    }

    /// <summary>Whether a record is at an offset, as the engine counts.</summary>
    public bool Has(TopicPartition source, long offset) => ReadRaw(source, 0, false).Exists(s => s.Offset == offset);

    /// <summary>Waits until what was committed before can be read; where a commit shows everywhere when it returns, at once.</summary>
    protected virtual void Quiet(TopicPartition source) { }

    private List<Seen> ReadRaw(TopicPartition source, long from, bool durableOnly)
    {
        Quiet(source);
        using var reader = Engine.Read(source, from, durableOnly);
        var all = new List<Seen>();
        while (reader.TryRead(7, out var batch))
        {
            Assert.Equal(source, batch.Source);
            foreach (var record in batch.Records.Span)
            {
                all.Add(Seen.From(record));
            }
        }
        return all;
    }

    /// <summary>Runs groups while a test looks, and stops them after it.</summary>
    public async Task While(ProcessorGroup[] groups, Func<Task> look)
    {
        using var stop = new CancellationTokenSource();
        var running = Array.ConvertAll(groups, g => Engine.RunAsync(g, stop.Token));
        try
        {
            await look();
        }
        finally
        {
            stop.Cancel();
            await Task.WhenAll(running);
        }
    }

    /// <summary>Appends text records in one commit.</summary>
    public async Task Append(TopicPartition target, params string[] values)
    {
        await using var appender = Engine.OpenAppender("test");
        var transaction = appender.Begin();
        foreach (var value in values)
        {
            transaction.Append(target, 0, "key"u8, default, Text.Of(value));
        }
        await appender.CommitAsync(transaction, durable: false, CancellationToken.None);
    }
}

/// <summary>A record copied out of its batch.</summary>
public sealed record Seen(long Offset, long Time, string Key, string Headers, string Value)
{
    public static Seen From(in Record record) =>
        new(record.Offset, record.Time, Text.From(record.Key.Span), Text.From(record.Headers.Span), Text.From(record.Value.Span));
}

public static class Text
{
    public static byte[] Of(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    /// <summary>One packed header.</summary>
    public static byte[] Header(string value)
    {
        var packed = new System.Buffers.ArrayBufferWriter<byte>();
        RecordHeaders.Write(packed, Engines.Header.Id, Of(value));
        return packed.WrittenSpan.ToArray();
    }

    public static string From(ReadOnlySpan<byte> bytes) => System.Text.Encoding.UTF8.GetString(bytes);
}
