using System.Text;
using System.Text.Json;
using Millrace.Engines;
using Millrace.Parcels;
using Millrace.TestServers;
using Xunit;
using static Millrace.Parcels.ParcelCommand;

namespace Millrace.Kafka.Tests;

/// <summary>Partitions are added to a live command log, under two hosts and load from the source and from clients.</summary>
public sealed class GrowingTests
{
    private const int Parcels = 40;
    private const int Rounds = 60;

    private static readonly CancellationToken None = CancellationToken.None;

    private static TimeSpan Limit => TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Four_partitions_become_six_under_load_and_no_entity_is_out_of_order()
    {
        await using var offices = await TwoProcessTests.Offices.OpenAsync();
        var ids = Enumerable.Range(1, Parcels).ToList();
        await offices.Insert(ids, "new");
        using var over = new CancellationTokenSource();
        var clients = offices.Both.ConvertAll(office =>
            Task.Run(() => RerouteAsync(office, offices.Both.IndexOf(office), over.Token), None)
        );
        for (var round = 0; round < Rounds; round++)
        {
            var of = round;
            await offices
                .Reader.Source.CommitAsync(rows =>
                {
                    foreach (var id in ids)
                    {
                        rows.Insert("scans", (1000 * (of + 1)) + id, id, $"hub {of}");
                    }
                })
                .WaitAsync(Limit, None);
            if (round == Rounds / 3)
            {
                // The process that is asked need not be the one that reads the source.
                await offices.First.Runtime.GrowAsync(6, None).WaitAsync(Limit, None);
            }
        }
        await Eventually.Get(
            () => offices.Both.Sum(office => office.Decides),
            count => count == 6 && offices.Both.TrueForAll(office => office.Runtime.Application.Map.Partitions == 6)
        );
        await Eventually.Get(() => offices.Both.Sum(office => office.Runtime.Moving().Count()), count => count == 0);
        await over.CancelAsync();
        var sent = (await Task.WhenAll(clients).WaitAsync(Limit, None)).SelectMany(of => of).ToList();
        Assert.NotEmpty(sent);

        var wanted = ids.ToDictionary(id => $"{id}", id => Enumerable.Range(0, Rounds).Select(round => $"hub {round}").ToList());
        var events = await Eventually.Get(() => Events(offices.First), events => events.Count >= Parcels * (Rounds + 1) + sent.Count);
        foreach (var id in ids)
        {
            var mine = events.Where(e => e.Parcel == $"{id}").ToList();
            Assert.Equal(wanted[$"{id}"], mine.Where(e => e.Type == "parcel-scanned").Select(e => e.Text));
            foreach (var of in sent.Where(of => of.Parcel == id).GroupBy(of => of.By))
            {
                // A client that waits for its answers has its commands decided in order.
                Assert.Equal(
                    of.Select(command => command.Place),
                    mine.Where(e => e.Type == "parcel-rerouted" && e.Text.StartsWith($"{of.Key}:", StringComparison.Ordinal))
                        .Select(e => e.Text)
                );
            }
            // Each decision stands on the one before, whoever made it.
            Assert.Equal(mine.Select(e => e.Sequence), mine.Select(e => e.Sequence).Order());
            Assert.Equal(1 + Rounds + sent.Count(of => of.Parcel == id), mine.Count);
        }
        // Entities that moved are decided where they are now, and seen from everywhere.
        foreach (var office in offices.Both)
        {
            foreach (var id in ids)
            {
                var answer = await office.Commands.Send($"{id}", new Reroute("home"), new SendOptions(), None).WaitAsync(Limit, None);
                Assert.Null(answer.Rejected);
                Assert.Equal("home", (await office.View.Get($"{id}", answer.Position, None).AsTask().WaitAsync(Limit, None))?.Place);
            }
        }
    }

    private static async Task<List<(int Parcel, string By, string Place)>> RerouteAsync(Office office, int number, CancellationToken stop)
    {
        var sent = new List<(int, string, string)>();
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            var (parcel, place) = (1 + (i % Parcels), $"{number}: {i}");
            var answer = await office.Commands.Send($"{parcel}", new Reroute(place), new SendOptions(), None).WaitAsync(Limit, None);
            Assert.Null(answer.Rejected);
            sent.Add((parcel, $"{number}", place));
        }
        return sent;
    }

    private static List<(string Parcel, string Type, string Text, long Sequence)> Events(Office office)
    {
        var events = new List<(string, string, string, long)>();
        for (var partition = 0; partition < 4; partition++)
        {
            using var reader = office.Runtime.Engine.Read(
                new TopicPartition(office.Runtime.Application.Events(Parcel.Definition), partition),
                0
            );
            while (reader.TryRead(1000, out var batch))
            {
                foreach (var record in batch.Records.Span)
                {
                    var headers = new RecordHeaders(record.Headers.Span);
                    if (headers.Kind == RecordKind.Control)
                    {
                        continue;
                    }
                    using var json = JsonDocument.Parse(record.Value);
                    var text = json.RootElement.EnumerateObject().Skip(1).Select(member => member.Value.GetString()).FirstOrDefault() ?? "";
                    events.Add(
                        (
                            Encoding.UTF8.GetString(record.Key.Span),
                            Encoding.UTF8.GetString(headers[Header.Type]),
                            text,
                            long.Parse(Encoding.UTF8.GetString(headers[Header.Sequence]), System.Globalization.CultureInfo.InvariantCulture)
                        )
                    );
                }
            }
        }
        return events;
    }
}
