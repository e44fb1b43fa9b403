using Millrace.Sources;
using static Millrace.Tests.Deciding.ShopBatch;

namespace Millrace.Tests.Deciding;

public sealed class DecidingTests
{
    private static ShopFloor Open() => new ShopFloor().Transaction(t => t.Insert("shelves", Shelf(1)));

    [Fact]
    public async Task An_insert_is_decided_with_its_reference()
    {
        await using var shop = Open().Transaction(t => t.Insert("carts", Cart(7, "Ann")));
        Assert.Equal("""{"$type":"started","Name":"Ann","Shelf":"food","Lines":0,"Snapshot":false}""", Assert.Single(shop.Events("7")));
    }

    [Fact]
    public async Task A_child_before_its_root_waits_and_is_decided_after_it()
    {
        await using var shop = Open().Transaction(t => t.Insert("lines", Line(1, 7, 3)));
        Assert.Empty(shop.Events("7"));
        Assert.Equal(1, shop.Runtime.Status().Partitions.Sum(partition => partition.WaitingRows));
        shop.Transaction(t => t.Insert("carts", Cart(7)));
        Assert.Equal(0, shop.Runtime.Status().Partitions.Sum(partition => partition.WaitingRows));
        Assert.Equal(
            [
                """{"$type":"started","Name":"cart","Shelf":"food","Lines":1,"Snapshot":false}""",
                """{"$type":"added","Line":1,"Amount":3,"Kind":0}""",
            ],
            shop.Events("7")
        );
    }

    [Fact]
    public async Task All_rows_of_one_transaction_are_known_to_the_first_decision()
    {
        await using var shop = Open().Transaction(t => t.Insert("lines", Line(1, 7)).Insert("carts", Cart(7)).Insert("lines", Line(2, 7)));
        Assert.Contains("\"Lines\":2", shop.Events("7")[0], StringComparison.Ordinal);
        Assert.Equal(3, shop.Events("7").Count);
    }

    [Fact]
    public async Task A_position_that_was_applied_is_dropped_though_the_row_differs_from_the_mirror()
    {
        await using var shop = Open().Transaction(t => t.Insert("carts", Cart(7)));
        var second = new SourcePosition(1, 2, 1);
        shop.Transaction(t => t.Update("carts", Cart(7), Cart(7, status: "full")), second);
        shop.Transaction(t => t.Update("carts", Cart(7, status: "full"), Cart(7, status: "paid")), new SourcePosition(1, 2, 2));
        shop.Transaction(t => t.Update("carts", Cart(7), Cart(7, status: "full")), second);
        Assert.Equal(3, shop.Events("7").Count);
    }

    [Fact]
    public async Task Replace_is_an_update_and_takes_cascading_children()
    {
        await using var shop = Open().Transaction(t => t.Insert("carts", Cart(7)).Insert("lines", Line(1, 7)));
        shop.Transaction(t => t.Delete("carts", Cart(7)).Insert("carts", Cart(7, status: "new")));
        Assert.Equal(
            ["""{"$type":"removed","Line":1,"Kind":2}""", """{"$type":"changed","From":"open","To":"new"}"""],
            shop.Events("7").Skip(2)
        );
    }

    [Fact]
    public async Task A_child_that_moves_is_left_in_one_and_joined_in_the_other()
    {
        await using var shop = Open().Transaction(t => t.Insert("carts", Cart(7)).Insert("carts", Cart(8)).Insert("lines", Line(1, 7)));
        shop.Transaction(t => t.Update("lines", Line(1, 7), Line(1, 8)));
        Assert.Equal("""{"$type":"removed","Line":1,"Kind":4}""", shop.Events("7")[^1]);
        Assert.Equal("""{"$type":"added","Line":1,"Amount":1,"Kind":3}""", shop.Events("8")[^1]);
        shop.Transaction(t => t.Update("lines", Line(1, 8), Line(1, null)));
        Assert.Equal("""{"$type":"removed","Line":1,"Kind":2}""", shop.Events("8")[^1]);
    }

    [Fact]
    public async Task A_partial_image_is_laid_over_the_mirror()
    {
        await using var shop = Open().Transaction(t => t.Insert("carts", Cart(7, "Ann")));
        shop.Transaction(t =>
            t.Update("carts", Cart(7, new ShopFloor.Missing(), new ShopFloor.Missing()), Cart(7, new ShopFloor.Missing(), "paid"))
        );
        Assert.Equal("""{"$type":"changed","From":"open","To":"paid"}""", shop.Events("7")[^1]);
        shop.Transaction(t => t.Update("carts", Cart(7, "Ann", "paid"), Cart(7, "Ann", "paid")));
        Assert.Equal(2, shop.Events("7").Count);
    }

    [Fact]
    public async Task An_entity_waits_for_a_required_reference_and_nobody_else_does()
    {
        await using var shop = Open().Transaction(t => t.Insert("carts", Cart(7, shelf: 2)).Insert("carts", Cart(8)));
        shop.Transaction(t => t.Update("carts", Cart(7, shelf: 2), Cart(7, status: "full", shelf: 2)));
        Assert.Empty(shop.Events("7"));
        Assert.Single(shop.Events("8"));
        var held = Assert.Single(shop.Runtime.Held());
        Assert.Equal(("7", "shelves", "2", 2), (held.Entity, held.Table, held.Key, held.Waiting));
        shop.Transaction(t => t.Insert("shelves", Shelf(2, "drinks")));
        Assert.Equal(2, shop.Events("7").Count);
        Assert.Contains("drinks", shop.Events("7")[0], StringComparison.Ordinal);
        Assert.Empty(shop.Runtime.Held());
    }

    [Fact]
    public async Task A_poisoned_command_parks_its_entity_until_it_is_skipped()
    {
        await using var shop = Open().Transaction(t => t.Insert("carts", Cart(7)).Insert("carts", Cart(8)));
        shop.Transaction(t => t.Update("carts", Cart(7), Cart(7, status: "poison")).Insert("lines", Line(1, 7)));
        shop.Transaction(t => t.Insert("lines", Line(2, 7)).Insert("lines", Line(3, 8)));
        Assert.Single(shop.Events("7"));
        Assert.Equal(2, shop.Events("8").Count);
        var held = Assert.Single(shop.Runtime.Held());
        Assert.True(held.Parked);
        Assert.Equal(2, held.Waiting);
        await shop.Runtime.Operator.RetryAsync("cart", "7", null, "look again", null);
        shop.Settle();
        Assert.Equal(2, Assert.Single(shop.Runtime.Held()).Waiting);
        await shop.Runtime.Operator.SkipAsync("cart", "7", null, "known bad", "ann");
        shop.Settle();
        Assert.Empty(shop.Runtime.Held());
        Assert.Equal("""{"$type":"added","Line":2,"Amount":1,"Kind":0}""", shop.Events("7")[^1]);
    }

    [Fact]
    public async Task A_second_snapshot_publishes_net_changes_and_sweeps_what_it_did_not_show()
    {
        await using var shop = Open()
            .Transaction(t => t.Insert("carts", Cart(7)).Insert("lines", Line(1, 7)).Insert("lines", Line(2, 7)))
            .Transaction(t => t.Insert("carts", Cart(8)).Insert("lines", Line(3, 8)).Insert("lines", Line(9, 99)));
        shop.Raw(
            (batch, tables) =>
            {
                foreach (var table in shop.Capture.Tables)
                {
                    batch.SnapshotBegan(table, 1, 5_000_000);
                }
                batch.BeginChunk(1, 0, 5_000_000);
                var write = new ShopBatch(batch, tables);
                write.Insert("shelves", Shelf(1)).Insert("carts", Cart(7)).Insert("lines", Line(1, 7));
                batch.End();
            }
        );
        // Streamed while the snapshot runs: marked as well.
        shop.Transaction(t => t.Insert("lines", Line(4, 7)), new SourcePosition(1, 9, 1));
        shop.Raw(
            (batch, _) =>
            {
                foreach (var table in shop.Capture.Tables)
                {
                    batch.SnapshotEnded(table, 1, 6_000_000);
                }
            }
        );
        Assert.Equal(
            ["""{"$type":"added","Line":4,"Amount":1,"Kind":0}""", """{"$type":"removed","Line":2,"Kind":2}"""],
            shop.Events("7").Skip(3)
        );
        Assert.Equal("""{"$type":"ended","Kind":2}""", shop.Events("8")[^1]);
        Assert.Equal(0, shop.Runtime.Status().Partitions.Sum(partition => partition.WaitingRows));
    }

    [Fact]
    public async Task Native_commands_are_decided_once_for_an_idempotency_key_and_answered_from_the_log()
    {
        await using var shop = Open().Transaction(t => t.Insert("carts", Cart(7)));
        var sequence = await Send(7, new CartCommand.Praise(1), new SendOptions { IdempotencyKey = "a" });
        Assert.Equal(("1", null), (sequence.Events.ToString(), sequence.Rejected));
        Assert.Null((await Send(7, new CartCommand.Praise(1), new SendOptions { IdempotencyKey = "a" })).Rejected);
        Assert.Equal("Enough.", (await Send(7, new CartCommand.Praise(1), new SendOptions())).Rejected);
        Assert.Equal("There is no cart 70.", (await Send(70, new CartCommand.Praise(1), new SendOptions())).Rejected);
        Assert.Contains("is at sequence", (await Send(7, new CartCommand.Praise(9), new SendOptions { ExpectedSequence = 1 })).Rejected);
        Assert.StartsWith("The command failed", (await Send(7, new CartCommand.Break(), new SendOptions())).Rejected);
        Assert.Equal(2, shop.Events("7").Count);

        async Task<Decided<CartEvent>> Send(long id, ICommand<CartEvent> command, SendOptions options)
        {
            using var outcomes = shop.Outcomes(id);
            var sending = shop.Runtime.Commands.Send(id, command, options, CancellationToken.None);
            shop.Settle();
            outcomes.Answer();
            return await sending.WaitAsync(TimeSpan.FromSeconds(10));
        }
    }
}
