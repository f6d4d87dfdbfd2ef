/// Words that carry grammar and not subject: writers use them at rates of their own, whatever they write
/// about (Mosteller and Wallace 1964; Burrows 2002).
package enum FunctionWords {
    package static let english: [String] = """
        a about above after again against ago all almost alone along already also although always am among an and another any anybody
        anyone anything are around as at away aye back be became because been before behind being below between both but by can cannot
        could dare did do does doing done down during each either else enough even ever every everybody everyone everything except few
        first for from further get go had half has have having he hence her here hers herself him himself his hither how however i if in
        indeed instead into is it its itself just last least less like made make many may me might mine more most much must my myself nay
        near need neither never next no nobody none nor not nothing now of off often oh on once one only onto or other others ought our
        ours ourselves out over own perhaps quite rather really same shall she should since so some somebody someone something sometimes
        soon still such than that the thee their theirs them themselves then there therefore these they thine this those thou though
        through thus thy till to together too toward towards under until unto up upon us very was we well were what whatever when where
        whether which while who whoever whole whom whose why will with within without would ye yes yet you your yours yourself
        can't couldn't didn't doesn't don't hadn't hasn't haven't he's i'd i'll i'm i've isn't it's let's she's shouldn't that's there's
        they're wasn't we're we've weren't what's won't wouldn't you'd you'll you're you've 'tis tis o
        """.split(whereSeparator: \.isWhitespace).map(String.init)
}
