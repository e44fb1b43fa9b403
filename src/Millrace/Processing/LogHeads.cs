using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Millrace.Engines;

namespace Millrace;

/// <summary>
/// Writes the runtime's own records at the heads of the command logs: settings and the deciding code's hash where they differ from what was
/// written last.
/// </summary>
internal sealed class LogHeads(Application application, IEngine engine, TimeProvider clock)
{
    private readonly string _appender = $"{application.Topology.Name}.heads";

    /// <summary>Writes what changed since the last start, to every partition, and remembers it in the same commit.</summary>
    public Task WriteAsync(IReadOnlyDictionary<Type, object> settings, CancellationToken cancellation) =>
        engine.DecideAsync(
            _appender,
            transaction =>
            {
                var wrote = false;
                foreach (var (type, value) in settings)
                {
                    wrote |= WriteSettings(transaction, type, value);
                }
                foreach (var aggregate in application.Topology.Aggregates)
                {
                    wrote |= WriteCode(transaction, aggregate);
                }
                return (wrote, wrote);
            },
            cancellation
        );

    /// <summary>
    /// Writes settings that differ from what was written last, to every partition, while the application runs. Several processes may see the same
    /// change: what was written last is in the logs' own store, so the first writes and the others find nothing new.
    /// </summary>
    /// <returns>The names of those it wrote.</returns>
    public Task<IReadOnlyList<string>> WriteSettingsAsync(IReadOnlyDictionary<Type, object> settings, CancellationToken cancellation) =>
        engine.DecideAsync<IReadOnlyList<string>>(
            _appender,
            transaction =>
            {
                var wrote = settings
                    .Where(entry => WriteSettings(transaction, entry.Key, entry.Value))
                    .Select(entry => entry.Key.Name)
                    .ToList();
                return (wrote.Count > 0, wrote);
            },
            cancellation
        );

    private long Now => Instants.Of(clock.GetUtcNow());

    private bool WriteSettings(ITransaction transaction, Type type, object value)
    {
        var info = application.Topology.JsonType(type)!;
        var json = JsonSerializer.SerializeToUtf8Bytes(value, info);
        var key = Encoding.UTF8.GetBytes($"settings/{type.Name}");
        if (transaction.TryGet(key, out var last) && last.SequenceEqual(json))
        {
            return false;
        }
        transaction.Put(key, json);
        var record = new SettingsRecord(type.Name, JsonDocument.Parse(json).RootElement);
        var body = JsonSerializer.SerializeToUtf8Bytes(record, MillraceJson.Default.SettingsRecord);
        foreach (var aggregate in application.Topology.Aggregates)
        {
            AppendAll(
                transaction,
                aggregate,
                Controls.Settings,
                $"settings-{type.Name}-{Convert.ToHexStringLower(SHA256.HashData(json))}",
                body
            );
        }
        return true;
    }

    private bool WriteCode(ITransaction transaction, AggregateDefinition aggregate)
    {
        var versions = string.Join(',', aggregate.Code.Select(method => method.Module.ModuleVersionId).Distinct().Order());
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(versions)));
        var key = Encoding.UTF8.GetBytes($"code/{aggregate.Name}");
        var now = Encoding.UTF8.GetBytes(hash);
        if (transaction.TryGet(key, out var last) && last.SequenceEqual(now))
        {
            return false;
        }
        transaction.Put(key, now);
        var body = JsonSerializer.SerializeToUtf8Bytes(new CodeRecord(hash), MillraceJson.Default.CodeRecord);
        AppendAll(transaction, aggregate, Controls.Code, $"code-{hash}", body);
        return true;
    }

    private void AppendAll(ITransaction transaction, AggregateDefinition aggregate, ReadOnlySpan<byte> type, string id, byte[] body)
    {
        var topic = application.Commands(aggregate);
        var headers = Headers(type, id);
        for (var partition = 0; partition < topic.Partitions; partition++)
        {
            transaction.Append(new TopicPartition(topic, partition), Now, default, headers, body);
        }
    }

    /// <summary>The headers of a control with an id.</summary>
    public static byte[] Headers(ReadOnlySpan<byte> type, string id)
    {
        var headers = new ArrayBufferWriter<byte>();
        RecordHeaders.Write(headers, Header.Id, Encoding.UTF8.GetBytes(id));
        RecordHeaders.Write(headers, Header.Kind, [(byte)RecordKind.Control]);
        RecordHeaders.Write(headers, Header.Type, type);
        return headers.WrittenSpan.ToArray();
    }
}
