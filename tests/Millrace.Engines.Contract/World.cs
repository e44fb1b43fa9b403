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

    /// <summary>Reads what is there now, from an offset on; the values as text.</summary>
    public List<Seen> ReadAll(TopicPartition source, long from = 0, bool durableOnly = false)
    {
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

    public static string From(ReadOnlySpan<byte> bytes) => System.Text.Encoding.UTF8.GetString(bytes);
}
