using System.Diagnostics.CodeAnalysis;

namespace Millrace.Engines;

/// <summary>A partitioned, append-only log. Two topics with the same name are the same topic.</summary>
/// <param name="Name">The durable name, for example <c>helpdesk.ticket.commands</c>.</param>
/// <param name="Partitions">How many partitions it has. More can be added, see <see cref="IEngine.AddPartitionsAsync"/>.</param>
[Experimental("MILL0001")]
public sealed record Topic(string Name, int Partitions);

/// <summary>One partition of a topic.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="Partition">The partition, from 0.</param>
[Experimental("MILL0001")]
public readonly record struct TopicPartition(Topic Topic, int Partition)
{
    /// <summary>The form used in messages: <c>topic[partition]</c>.</summary>
    public override string ToString() => $"{Topic.Name}[{Partition}]";
}
