using System.Text;
using Millrace.Engines;

namespace Millrace.Tests.Privacy;

/// <summary>Looks for a text in everything that an application has written, byte by byte; knows nothing of how it is written.</summary>
internal static class Plaintext
{
    /// <summary>Where in the logs the text stands in keys, headers or values.</summary>
    public static List<string> InLogs(IEngine engine, Runtime runtime, string text)
    {
        var application = runtime.Application;
        var topology = application.Topology;
        Topic[] topics =
        [
            .. topology.Aggregates.SelectMany(aggregate =>
                new[] { application.Commands(aggregate), application.Events(aggregate), application.Outcomes(aggregate) }
            ),
            .. topology.Views.Where(view => !view.IsPerEntity).Select(application.Feed),
            .. topology.Reactions.Where(reaction => reaction.KeyedByType is not null).Select(application.Feed),
            .. topology.Reactions.Select(application.Intents),
            .. application.Map.Epoch == 1 ? [] : topology.Aggregates.Select(aggregate => application.Handover(aggregate, application.Live)),
        ];
        var found = new List<string>();
        foreach (var topic in topics)
        {
            for (var partition = 0; partition < topic.Partitions; partition++)
            {
                using var reader = engine.Read(new TopicPartition(topic, partition), 0);
                while (reader.TryRead(100, out var batch))
                {
                    foreach (var record in batch.Records.Span)
                    {
                        foreach (var part in new[] { record.Key, record.Headers, record.Value })
                        {
                            if (Has(part.Span, text))
                            {
                                found.Add($"{topic.Name}[{partition}]@{record.Offset}: {Encoding.UTF8.GetString(part.Span)}");
                            }
                        }
                    }
                }
            }
        }
        return found;
    }

    /// <summary>Where in the states of all groups the text stands.</summary>
    public static List<string> InStates(IEngine engine, Runtime runtime, string text)
    {
        var found = new List<string>();
        foreach (var group in runtime.Groups)
        {
            for (var partition = 0; partition < group.Inputs[0].Partitions; partition++)
            {
                using var cursor = engine.OpenState(group.Name, partition).Range([], []);
                while (cursor.MoveNext())
                {
                    if (Has(cursor.Key, text) || Has(cursor.Value, text))
                    {
                        found.Add(
                            $"{group.Name}[{partition}] {Encoding.UTF8.GetString(cursor.Key)}: {Encoding.UTF8.GetString(cursor.Value)}"
                        );
                    }
                }
            }
        }
        return found;
    }

    private static bool Has(ReadOnlySpan<byte> bytes, string text) =>
        Encoding.UTF8.GetString(bytes).Contains(text, StringComparison.OrdinalIgnoreCase);
}
