using System.Text.Json;
using Millrace.Engines;

namespace Millrace.Sources;

/// <summary>How a source stands, as the process that reads it tells those that do not.</summary>
/// <param name="Status">What the source said last.</param>
/// <param name="ReportedAt">When, in microseconds since 1970-01-01T00:00:00Z.</param>
/// <param name="LatestTime">The latest time of anything appended.</param>
internal sealed record SourceNews(SourceStatus Status, long ReportedAt, long LatestTime);

/// <summary>Keeps a source's news in an appender's state, which every process sees.</summary>
internal sealed class SharedStatus(IEngine engine, string name) : IAsyncDisposable
{
    /// <summary>How often it is told and looked at: a tick in another process is late by as much.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromMilliseconds(500);

    private readonly IAppender _appender = engine.OpenAppender(name);
    private SourceNews? _told;

    private static ReadOnlySpan<byte> Key => "news"u8;

    /// <summary>Tells the others, where there is anything new. Where it cannot it says nothing: the source's own commits meet the same trouble, and report it.</summary>
    public async Task TellAsync(SourceNews news, CancellationToken cancellation)
    {
        if (news == _told)
        {
            return;
        }
        try
        {
            var transaction = _appender.Begin();
            transaction.Put(Key, JsonSerializer.SerializeToUtf8Bytes(news, MillraceJson.Default.SourceNews));
            await _appender.CommitAsync(transaction, durable: false, cancellation).ConfigureAwait(false);
            _told = news;
        }
        catch (Exception e) when (e is EngineException or OperationCanceledException)
        {
            _told = null;
        }
    }

    /// <summary>What was told last; null where nothing was, or where it cannot be read now.</summary>
    public SourceNews? Hear()
    {
        try
        {
            return engine.OpenState(name, 0).TryGet(Key, out var json)
                ? JsonSerializer.Deserialize(json, MillraceJson.Default.SourceNews)
                : null;
        }
        catch (EngineException)
        {
            return null;
        }
    }

    public ValueTask DisposeAsync() => _appender.DisposeAsync();
}
