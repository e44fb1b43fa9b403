using System.Runtime.CompilerServices;
using System.Text;
using System.Threading.Channels;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Follows several logs as they grow. Filtered here, so that a busy log costs the network only what was asked for; bounded, so that a slow reader
/// costs memory only so much: it is told how many it missed.
/// </summary>
internal sealed class LogTail(
    IEngine engine,
    IReadOnlyList<(Topic Topic, string Of)> topics,
    Func<LogEntry, bool> wanted,
    string? key,
    Seals? seals
)
{
    private const int Room = 2000;
    private readonly byte[]? _key = key is null ? null : Encoding.UTF8.GetBytes(key);

    /// <summary>The last records there are, in the order of their times, then those to come. A null entry says how many were missed.</summary>
    public async IAsyncEnumerable<(LogEntry? Entry, long Missed)> ReadAsync(
        int last,
        [EnumeratorCancellation] CancellationToken cancellation
    )
    {
        var readers = new List<(ILogReader Reader, TopicPartition Source, string Of)>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var loops = new List<Task>();
        try
        {
            var history = new List<LogEntry>();
            foreach (var (source, of) in Sources())
            {
                var end = End(source);
                var reader = engine.Read(source, Math.Max(0, end - last));
                readers.Add((reader, source, of));
                History(reader, source, of, end, history);
            }
            foreach (var entry in history.OrderBy(entry => entry.Micros).ThenBy(entry => entry.Offset).TakeLast(last))
            {
                yield return (entry, 0);
            }
            long missed = 0;
            var channel = Channel.CreateBounded<LogEntry>(
                new BoundedChannelOptions(Room) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true },
                _ => Interlocked.Increment(ref missed)
            );
            foreach (var (reader, source, of) in readers)
            {
                loops.Add(FollowAsync(reader, source, of, channel.Writer, stop.Token));
            }
            await foreach (var entry in channel.Reader.ReadAllAsync(stop.Token))
            {
                if (Interlocked.Exchange(ref missed, 0) is > 0 and var count)
                {
                    yield return (null, count);
                }
                yield return (entry, 0);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(loops).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            foreach (var (reader, _, _) in readers)
            {
                reader.Dispose();
            }
        }
    }

    private IEnumerable<(TopicPartition Source, string Of)> Sources() =>
        from topic in topics
        from partition in Enumerable.Range(0, topic.Topic.Partitions)
        where _key is null || partition == Slots.PartitionOf(_key, topic.Topic.Partitions)
        select (new TopicPartition(topic.Topic, partition), topic.Of);

    private long End(TopicPartition source)
    {
        using var reader = engine.Read(source, 0);
        return reader.End;
    }

    // Ends exactly at `end`, so that what follows begins with the first record after it.
    private void History(ILogReader reader, TopicPartition source, string of, long end, List<LogEntry> into)
    {
        for (var next = Math.Max(0, end - 1); next < end && reader.TryRead(256, out var batch); )
        {
            foreach (ref readonly var record in batch.Records.Span)
            {
                Add(record, source, of, into.Add);
                next = record.Offset + 1;
            }
        }
    }

    private async Task FollowAsync(
        ILogReader reader,
        TopicPartition source,
        string of,
        ChannelWriter<LogEntry> to,
        CancellationToken cancellation
    )
    {
        try
        {
            while (true)
            {
                while (reader.TryRead(256, out var batch))
                {
                    foreach (ref readonly var record in batch.Records.Span)
                    {
                        Add(record, source, of, entry => to.TryWrite(entry));
                    }
                }
                await reader.WaitAsync(cancellation);
            }
        }
        catch (Exception e)
        {
            // Ends the whole tail: the browser connects again, and nothing is left out in silence.
            to.TryComplete(e);
            throw;
        }
    }

    private void Add(in Record record, TopicPartition source, string of, Action<LogEntry> to)
    {
        if (_key is not null && !record.Key.Span.SequenceEqual(_key))
        {
            return;
        }
        if (new RecordHeaders(record.Headers.Span).Kind == RecordKind.Control)
        {
            return;
        }
        var entry = LogEntry.From(source, record, of, seals);
        if (wanted(entry))
        {
            to(entry);
        }
    }
}
