"""List the names of arms, and phrases as sure as a name, by kind of weapon.

From the training reports and general knowledge of arms; `weapon_lexicon` says how to write entries.
"""

from typing import Final

NAMES: Final = {
    "uav": """
        drone, uav, ucav, uas, suas, rpas, rpv, siha, iha, fpv, quadcopter, quadrocopter, hexacopter, octocopter,
        multicopter, quadrotor, multirotor, loitering munition, loitering ammunition, unmanned aerial vehicle,
        unmanned aerial system, unmanned aircraft, unmanned aircraft system, unmanned combat aerial vehicle, unmanned
        plane, unmanned helicopter, unmanned airplane, uncrewed aircraft, uncrewed aerial vehicle, uncrewed aerial
        system, pilotless aircraft, pilotless plane, remotely piloted aircraft, remotely piloted plane, remotely
        piloted vehicle, remotely piloted aerial vehicle, remote controlled aircraft, remote controlled plane, remote
        control plane, model aircraft, model plane, drone strike, drone attack, kamikaze drone, suicide drone, one way
        uav, owa uav, shahed, geran, gerbera, parodiya, mohajer, muhajer, ababil, karrar, kaman, fotros, samad, qasef,
        qasif, qatef, rased, waid, mirsad, hudhud, bayraktar, akinci, anka, aksungur, karayel, songar, kargu, yiha,
        alpagu, bozdogan drone, warmate, switchblade, phoenix ghost, lancet, zala, orlan, forpost, inokhodets, eleron,
        supercam, granat drone, kub bla, italmas, privet drone, mavic, matrice, dji, autel, gray eagle, grey eagle,
        global hawk, scaneagle, scan eagle, camcopter, predator drone, reaper drone, wing loong, yilong, cai hong,
        caihong, tengden, gaia 160, hermes 450, hermes 900, hermes 650, hermes drone, heron, harop, harpy, orbiter
        drone, skystriker, sky striker, searcher drone, skylark, skyeye, elbit hermes, leleka, furia, punisher drone,
        baba yaga, bober, liutyi, lyutyi, liutyy, lyuty, rubaka, mugin, skywalker x8, delta wing drone, mam l, mam c,
        mini uav, micro uav, tekever, penguin uav, puma ae, wing loong ii, valkyrie drone, altius, rostam drone,
        nishant, rustom, tapas drone, nagastra, burraq, shahpar, uqab, tb 2, tb 3, tb 001, fibre optic drone, fiber
        optic drone, first person view, first person view drone, one way attack drone, searcher ii, searcher, hero
        120, unmanned combat aircraft, molniya drone, sammad, insansiz
    """,
    "air": """
        mirage, rafale, gripen, eurofighter, tornado gr1, tornado gr4, tornado jet, tornado aircraft, jaguar jet,
        jaguar is, sepecat jaguar, super etendard, etendard, super mystere, mystere, ouragan, kfir, nesher, dagger
        jet, buccaneer, canberra, vulcan bomber, harrier, sea harrier, skyhawk, phantom jet, f4 phantom, corsair,
        thunderbolt ii, warthog, raptor, lightning ii, strike eagle, super hornet, hornet, growler, prowler, tomcat,
        intruder, aardvark, starfighter, sabre jet, sukhoi, sukhoy, mig, foxbat, flanker, fulcrum, frogfoot, fencer,
        foxhound, tupolev, ilyushin, antonov, yakovlev, bear bomber, stratofortress, stratotanker, lancer bomber,
        spirit bomber, mitchell bomber, hercules, spectre, ac130, spooky, dragonfly, bronco, super tucano,
        supertucano, tucano, pucara, aermacchi, macchi, impala, alpha jet, albatros, pilatus, cessna, islander,
        skyvan, caravan aircraft, dakota, provider aircraft, caribou, transall, casa 212, casa 235, casa 295,
        globemaster, galaxy aircraft, galeb, orao, jastreb, hawk aircraft, hawk jet, hawk 200, hind, hip helicopter,
        havoc, alligator helicopter, hokum, halo helicopter, haze, helix, apache, ah64, cobra helicopter, supercobra,
        super cobra, cobra gunship, viper helicopter, kiowa, little bird, black hawk, blackhawk, sea hawk, seahawk,
        pave hawk, jolly green, chinook, sea knight, sea king, super stallion, sea stallion, stallion helicopter,
        osprey, iroquois, huey, bell 47, bell 205, bell 206, bell 212, bell 214, bell 222, bell 407, bell 412, bell
        uh1, hughes 300, hughes 369, hughes 500, hughes 530, md 500, md 530, gazelle, alouette, allouette, lama
        helicopter, super frelon, frelon, super puma, puma helicopter, cougar helicopter, caracal, ecureuil, fennec
        helicopter, panther helicopter, dauphin, caiman helicopter, caïman, tigre helicopter, tiger helicopter,
        rooivalk, oryx helicopter, oryx, lynx helicopter, wildcat helicopter, merlin helicopter, wessex, scout
        helicopter, arpia, mangusta, atak helicopter, t129, atak, gokbey, dhruv, rudra, prachand, cheetah helicopter,
        chetak, wild weasel, rivet joint, orion aircraft, poseidon, nimrod, atlantique, atlantic 2, hawkeye, awacs,
        sentry aircraft, sentinel aircraft, e3 sentry, voyager tanker, voyager, joint stars, thunder jet, tejas, xian
        h6, chengdu j7, shenyang, karakorum, super mushshak, mushshak, magic dragon, ghost plane, puff the magic
        dragon, mitchell, typhoon fgr4, typhoon jet, typhoon fighter, typhoon aircraft, beaver aircraft, king air,
        beechcraft, caravan plane, turbo commander, air tractor, thrush, archangel, defender aircraft, guarani
        aircraft, tsetse, paramotor, paraglider, powered paraglider, hang glider, gyrocopter, microlight, ultralight,
        barrel bomb, barrel bombing, napalm, paveway, enhanced paveway, jdam, small diameter bomb, spice 2000, spice
        250, spice 1000, spice bomb, jp233, rockeye, durandal, bl755, fuel air explosive, fuel air bomb, vacuum bomb,
        aerial bomb, air bomb, airdropped bomb, air dropped bomb, air delivered bomb, glide bomb, gliding bomb, guided
        bomb, precision guided bomb, precision bomb, laser guided bomb, gps guided bomb, free fall bomb, gravity bomb,
        dumb bomb, bunker buster, bunker buster bomb, bunker busting bomb, penetrator bomb, cluster bomb, thermobaric
        bomb, parachute bomb, moab, mother of all bombs, massive ordnance penetrator, massive ordnance air blast,
        daisy cutter, incendiary bomb, fire bombing raid, umpk, hammer bomb, aasm, fritz bomb, airdropped mine,
        griffin bomb, push and pull, push pull, pushandpull, kamov, mil helicopter, unguided bomb, fab, odab, kab,
        gbu, cbu, ofab, rbk, siai marchetti, atr 42, bac strikemaster, strikemaster, cas, h 34, atlantic aircraft,
        bell 412ep, kaan, arava, m117 bomb, mk 77, mop, bell 204, helicoptere, helicoptero, avion, avioneta, m346, jet
        strike, fuji
    """,
    "artillery": """
        katyusha, grad, smerch, uragan, tornado g, tornado s, himars, mlrs, mrls, mars ii, pinaka, astros, polonez,
        vilkha, verba rocket, bureviy, solntsepyok, solntsepek, heavy flamethrower system, buratino, tos 1, valkiriia,
        lars 2, teruel, fajr, falaq, falagh, zelzal, naze'at, nazeat, qassam, qassem, qasem, qassam rocket, quds
        rocket, burkan rocket, burqan rocket, volcano rocket, rashid 1, rashid 2, rashid 3, رشيد, frog rocket, kassam,
        m 302 rocket, wieshi, weishi, vampire rocket, hydra rocket, hydra 70, alazan, hell cannon, hellcannon,
        jahannam cannon, iram, improvised rocket assisted munition, elephant rocket, pumpi, tatuco, rampla, spg,
        recoilless, carl gustaf, carl gustav, karl gustav, carl gustaf launcher, wombat, lahaw, blindée mortar, nona,
        msta, akatsiya, gvozdika, giatsint, pion, malka, tyulpan, koalitsiya, vasilek, podnos, caesar, archer
        howitzer, archer system, krab, zuzana, dana howitzer, panzerhaubitze, pzh, paladin, firtina, bogdana,
        palmaria, sofma, oto melara howitzer, santa barbara howitzer, dhanush, bofors, oerlikon, bushmaster cannon,
        vulcan cannon, phalanx, goalkeeper, ciws, c ram, cram, shilka, gepard, skynex, skyguard gun, biho, flakpanzer,
        wirbelwind, excalibur, krasnopol, copperhead, bonus shell, smart 155, dragon's teeth shell, brandt, hotchkiss
        mortar, hawn, ra'ad mortar, gas cylinder mortar, cylinder mortar, cane bomb mortar, naval gunfire mortar,
        بركان, frog, frog 7, luna rocket, dkz, pzh 2000, zsu, zu, d 30, bm 21, spg 9, m79 osa, tank gun, lg1, mbrl,
        gmlrs, dpicm, barrack buster, hyacinth, mortar grenade, aa gun, aa fire, aa battery, aa artillery, long range
        gun, idf, praga, valkiri, m 56, rcl, rclr, carl gustaf m4, plamen, ogan, oganj, orkan, luna, lrsv, koksan,
        haubits, bohdana, ws 1, ws 2, puls, atmos, ack ack gun, anti aircraft gunfire, anti aircraft gun fire,
        roquette, lance roquette, mortero, mortier, tank shell, tank round, lob bomb, pm 41, rocket assisted munition
    """,
    "missile": """
        manpads, atgm, atgw, sam battery, sam site, sam system, samp t, mamba sam, icbm, irbm, mrbm, srbm, slbm, tlam,
        slcm, alcm, stinger, redeye, strela, igla, verba, grom missile, piorun, mistral, mistral missile, blowpipe,
        starstreak, starburst missile, martlet, anza, misagh, misaq, rbs 70, rbs 15, rbs 90, rbs 23, sungur missile,
        chiron, shoulder fired missile, shoulder launched missile, man portable air defence, man portable air defense,
        patriot, thaad, hawk missile, hawk battery, hawk launcher, chaparral, nasams, iris t, crotale, shahine, roland
        missile, roland launcher, rapier, sea wolf, seawolf, seacat, sea cat, tigercat, sea dart, sea slug, sea
        sparrow, sea ceptor, sparrow missile, sidewinder, amraam, aster, meteor missile, magic missile, matra magic,
        buk, buk m1, osa missile, osa system, osa aksm, tor m1, tor m2, tor missile, tor system, tor battery, pantsir,
        pantsyr, pechora, neva missile, volga missile, dvina missile, kub missile, kvadrat, tunguska, sosna missile,
        nike hercules, arrow 2, arrow 3, arrow missile, arrow interceptor, david's sling, iron dome, barak, barak 8,
        mersad, bavar 373, bavar, khordad, 3rd khordad, 15 khordad, talash, sayyad, spyder, python missile, derby
        missile, akash, kornet, kornet e, konkurs, fagot, metis, malyutka, sagger, spandrel, spigot, saxhorn,
        khrizantema, shturm, ataka, vikhr, stugna, skif, corsar, korsar missile, milan, milan missile, hot missile,
        euromissile, eryx, dragon missile, tow, swingfire, vigilant missile, cobra missile, bill missile, nlaw,
        javelin, spike, spike nlos, almas, dehlavieh, dehlaviyeh, toophan, toofan, red arrow, mapats, omtas, cirit,
        hellfire, maverick, brimstone, sea skua, storm shadow, scalp, scalp eg, taurus missile, taurus kepd, jassm,
        tomahawk, walleye, harm missile, shrike, atacms, prsm, glsdb, lance missile, pershing, scud, tochka, iskander,
        kinzhal, kalibr, oniks, onyx missile, yakhont, bastion missile, bastion system, bastion battery, zircon,
        tsirkon, bal missile, granit, moskit, termit, styx, silkworm, exocet, harpoon, otomat, gabriel missile,
        penguin missile, sea killer, sea eagle, kormoran, neptune, neptun, hrim, sapsan, flamingo missile,
        palianytsia, peklo, burevestnik, skyfall, sarmat, topol, yars, bulava, sineva, avangard, oreshnik, minuteman,
        trident, polaris missile, noor, ghader, qader missile, nasr missile, fateh, fateh 110, fateh 313, fath 360,
        zolfaghar missile, zolfaqar missile, zulfiqar missile, dezful, qiam, shahab, shihab, emad, ghadr, sejil,
        sejjil, kheibar, kheibar shekan, khorramshahr, haj qassem missile, haj qasem missile, fattah, hoveyzeh,
        soumar, paveh missile, ya ali missile, abu mahdi missile, al hussein, al abbas missile, al samoud, al samoud
        2, ababil 100, condor missile, jericho missile, burkan, burqan, burkan 2h, badr 1, badr p1, badr missile, quds
        1, quds missile, zulfikar missile, palestine 2, tankil, asef, sayyad missile, mandab, al mandab, al bahr al
        ahmar missile, hatem missile, faleq missile, hwasong, nodong, rodong, musudan, taepodong, pukguksong, unha,
        kumsong, hyunmoo, ghauri, shaheen missile, babur, ghaznavi, abdali, nasr rocket missile, agni, prithvi,
        brahmos, nirbhay, shaurya, trishul, nag missile, helina, dongfeng, dong feng, julang, ying ji, hongqi, red
        flag missile, hong jian, matador missile, roketsan bora, bora missile, tayfun, som missile, atmaca, umtas, l
        umtas, karaok, naval strike missile, joint strike missile, standard missile, polyphem, ra'ad missile, raad
        missile, kh missile, hypersonic glide vehicle, agm, zelzal missile, iskander m, v 2, rbs, osa akm, r9x, essm,
        jericho, popeye, delilah, haesong, fk 3, fd 2000, akeron, mmp, entac, as 12, otr 21, 3m 54, onyx, rk 55,
        maljutka, rocks missile, meteor air to air missile, bolide, club missile,
        club cruise missile, taurus cruise missile, taurus kepd 350, kepd, kepd 350
    """,
    "grenade": """
        rpg, law, law rocket, m72 law, light anti tank weapon, rocket propelled grenade, rocket propelled, rpg round,
        panzerfaust, panzerschreck, bazooka, blindicide, instalaza, alcotan, apilas, armbrust, smaw, matador launcher,
        shmel, rpo shmel, antitank rocket, antitank rocket launcher, anti tank grenade, anti tank grenade launcher,
        shoulder fired rocket, shoulder launched rocket, shoulder fired rocket launcher, shoulder fired anti tank
        rocket, light anti tank rocket, grenade launcher, under barrel grenade launcher, underslung grenade launcher,
        automatic grenade launcher, barrel grenade launcher, rifle grenade, ubgl, bgl, ugl, gmg, gl round, glm,
        plamya, plamia, kastet, kostyor, jotake, energa, strim, malin, mills bomb, molotov, molotof, molotow, molotov
        cocktail, petrol bomb, gasoline bomb, gas bomb, kerosene bomb, fuel bottle, petrol bottle, gasoline bottle,
        bottle bomb, fire bomb, firebomb, firebombing, fire bottle, incendiary bottle, paint bomb, acid bomb, thrown
        bomb, hand thrown bomb, hand bomb, contact bomb, catapult bomb, coffee jar bomb, blast bomb, drogue bomb,
        petrol bombing, flash bang, flashbang, sound bomb, sound grenade, lathode, lathode bomb, lathode shell, awan
        bomb, arwan bomb, im 26, nokia grenade, stick hand grenade, chinese stick grenade, potato masher, hand
        granade, hand grenade, arges, stone grenade, rpo, rgd, rgn, rgo, rkg, gp 25, vog, ags, pg 7, og 7, lrac, ugbl,
        mk 19, prig, improvised projected grenade, agl, shoulder held rocket launcher, grenade, granade, hg, hg 85, he
        36 grenade, osa launcher, rbr 90, mgl, m32, m26, zolja, granada, granada de mano, fragmentation hand grenade,
        crude hand grenade
    """,
    "small-arms": """
        kalashnikov, kalashinkov, kalashnikof, kalachnikov, kalashnikow, kalasnikov, kalashinikov, kalash, kallash,
        klash, klashnikov, klashinkov, krinkov, krinkof, kalakov, galil, galil ace, ace 22, galil sar, tavor, negev,
        uzi, mini uzi, micro uzi, fn fal, fal, fal para, fnc, fn fnc, fn mag, fn minimi, minimi, fn pistol, fn rifle,
        fn five seven, five seven pistol, mag machine gun, mag 58, famas, insas, ishapore, lee enfield, enfield,
        mosin, mosin nagant, nagant, simonov, seminov, dragunov, druganov, dragonov, zagros sniper, kanas, kannas,
        makarov, tokarev, stechkin, nagan, glock, beretta, beretta pistol, browning, browning hp, browning hi power,
        walther, luger, mauser, sig sauer, sig, smith & wesson, colt, ruger, remington, mossberg, winchester, baikal,
        saiga, vepr, hatsan, hatsan escort, benelli, ithaca, franchi, taurus, rossi, imbel, bersa, llama pistol, star
        pistol, star submachine gun, astra pistol, zastava, crvena zastava, skorpion, scorpion machine pistol, sa vz
        58, cz 75, cz pistol, steyr, steyr aug, aug rifle, heckler & koch, heckler, ingram, mac 10, mac 11, mac 50,
        mat 49, tec 9, sten, sterling, bren, vickers, webley, thompson, tommy gun, garand, m1 garand, armalite,
        arisaka, springfield, barrett, barett, accuracy international, sako, tikka, schmeisser, carl gustaf smg, carl
        gustaf submachine gun, port said, madsen, halcon, fara 83, valmet, dshk, dshkm, dushka, doshka, dishka,
        dashka, dashaka, dashika, doshaka, dooshka, duska, douchka, bixi, bi xi, biksi, bkc, pecheneg, goryunov,
        gorjunov, degtyarev, degtyaryov, maxim gun, maxim machine gun, kord, utes, nsv, zpu, minigun, mini gun,
        gatling, gatling gun, gpmg, hmg, lmg, mmg, smg, mg, saw machine gun, squad automatic weapon, bar rifle, sbbl,
        dbbl, sbbl gun, dbbl gun, sbml, musket, muzzle loader, muzzle loading gun, breech loader, breech loading gun,
        flintlock, dane gun, arquebus, blunderbuss, zip gun, qwasha, kwash, hechizo, chopo, tumi gun, tumee gun,
        katta, desi katta, pen gun, pengun, pen pistol, shikari gun, bolt action, lever action, fowling piece,
        sidearm, side arm, saf, safire, bzt, kpv, kpvt, sbml gun, small arm, light arm, light weapon, long gun, long
        weapon, long arm, kg 9, paltik, sumpak, desi pistol, ak pattern, ak type, kalashnikov type, m16 type, luty,
        fgc 9, ghost gun, home made gun, punt gun, carcano, manufrance, manurhin, berthier, chassepot, martini,
        martini henry, steel core bullet, hollow point, dum dum, dumdum, birdshot, buckshot, bird shot, buck shot,
        pellet, lead shot, sks, type 56 rifle, akm, akmsu, akmn, aks, aksu, aku, ppsh, pps, pkm, pkt, pkp, pkc, pks,
        pkmt, pkmb, svd, svt, svu, rpk, rpd, vss, vhs, umpp, scar, nsvt, mpi, mpikm, awm, sgm, vz, psl, pmak, sten
        gun, colt m4, mauser c96, norinco, hi point, dshka, dschk, ba 63, ma 1, ma 11, point 50, 30 06, papovka,
        parabellum, hp 35, amd 65, amd, toz, ppd, maxim, jezail, carabine, ma deuce, long barrelled weapon, short
        weapon, short arm, infantry weapon, assault weapon, fusil, escopeta, pistola, kalach, mitrailleuse,
        mitraillette, ametralladora, m53, l42, wooden bullet, garand rifle, m 134, arme a feu
    """,
    "ied-mine": """
        ied, rcied, cwied, vbied, voied, ppied, rbied, hbied, dbied, wbied, lbied, mbied, vied, cied, improvised
        explosive device, improvised device, explosive device, explosively formed penetrator, explosively formed
        projectile, efp, explosive formed projectile, car bomb, truck bomb, lorry bomb, vehicle bomb, van bomb, bus
        bomb, taxi bomb, jeep bomb, tanker bomb, motorcycle bomb, motorbike bomb, moto bomb, scooter bomb, bicycle
        bomb, cycle bomb, bike bomb, donkey bomb, cart bomb, horse bomb, camel bomb, boat bomb, barge bomb, tractor
        bomb, ambulance bomb, proxy bomb, tunnel bomb, car bombing, truck bombing, vehicle borne, vehicle borne bomb,
        booby trap, boobytrap, booby trapped, landmine, land mine, minefield, mine field, claymore, bangalore torpedo,
        bangalore, limpet mine, limpet, naval mine, sea mine, acoustic mine, moored mine, drifting mine, bottom mine,
        contact mine, torpedo mine, floating mine, mine belt, ship mine, butterfly mine, petal mine, bounding mine,
        fragmentation mine, antivehicle mine, mortar ied, grenade booby trap, semtex, c4, pe4, pe 5, tnt, rdx, petn,
        hmx, tatp, hmtd, anfo, ammonal, pentolite, pentex, amatol, tritol, trotyl, gelignite, gelatine, gelatin,
        gelatine stick, gelatin stick, gelamex, goma 2, goma, titadyne, titadine, titadyn, dynamite, dynamite stick,
        indugel, emulex, powergel, power gel, urea nitrate, ammonium nitrate, ammonium gelatin, amon gelatin,
        potassium chlorate, black powder, blackpowder, gunpowder, gun powder, blasting cap, blasting powder,
        primacord, det cord, detcord, detonating cord, detonating fuse, detonating cable, safety fuse, nonel, slurry
        explosive, emulsion explosive, nitroglycerin, nitroglycerine, nitrocellulose, nitromethane, plastic explosive,
        plastique, shaped charge, satchel charge, pole charge, roadside charge, unexploded, unexploded ordnance,
        unexploded bomb, unexploded shell, unexploded device, uxo, uxb, explosive remnant, explosive ordnance,
        explosive hazard, erw, remnant of war, cluster bomblet, pressure cooker, pressure plate, pressure cooker bomb,
        russian cheese, quiebrapatas, valmara, fmk 1, fmk, pumpkin bomb, cazabobos, burro bomba, coche bomba, letter
        bomb, parcel bomb, nail bomb, pipe bomb, tiffin bomb, can bomb, sticky bomb, magnetic bomb, dirty bomb, gas
        cylinder bomb, gas canister bomb, gas bottle bomb, camping gas bomb, gas tank bomb, gas filled pipe bomb,
        butane bomb, cylinder bomb, fire extinguisher bomb, mayin, مین, لغم, fertiliser bomb, fertilizer bomb, socket
        bomb, cane bomb, drum bomb, bucket bomb, cooker bomb, lunchbox bomb, underwater explosive, mina antipersonal,
        minas quiebrapatas, manta, pmn, pfm, ozm, pomz, pom z, pom, tnt block, cordtex, cortex cord, carbomb,
        truckbomb, lugm, ptm, pdm, mon 50, mon 100, apers, apers mine, mine, viable device, frangex, slurry, annm,
        pentrite, pp mi sr, vs 1.6, vs 2.2, tc 6, tc 2.4, acetone peroxide, peroxide explosive, mcied, uvied, ucbt,
        lapa, lapa bomb, amonal, amosal, cloratita, prom 1, tmrp 6, m35 mine, pmd, bomb laden car, bomb laden truck,
        bomb laden vehicle, bomb rigged car, gas cylinder, cordex, mrud, yam 5, dinamita, explosivo, mina, eei, engin
        explosif improvise, m 969, cilindro bomba, jerrycan bomb, cooking gas bomb,
        cooking gas cylinder bomb
    """,
    "suicide": """
        suicide, svbied, svied, bbied, pbied, svest, human bomb, human bomber, martyrdom operation, martyrdom attack,
        martyrdom seeking, explosive belt, explosive vest, explosive jacket, bomb vest, bomb belt, bomb jacket, belt
        bomb, vest bomb, martyrdom vest, body borne, body bomb, person borne, inghimasi, explosive laden vest,
        explosive waistcoat, explosive waist coat, explosive laden belt, sied, martyrdom
    """,
    "vehicle": """
        abrams, leopard tank, leopard 1, leopard 2, leopard, challenger 1, challenger 2, challenger tank, chieftain,
        centurion, merkava, sherman, super sherman, patton, walker bulldog, stuart tank, sheridan, leclerc, ariete, k2
        black panther, al khalid, al zarrar, arjun, olifant, ramses tank, zulfiqar tank, karrar tank, tam tank, amx
        13, amx 30, amx 10, sk 105, scimitar, spartan, stormer, samson, warrior ifv, warrior vehicle, bradley,
        stryker, marder, fuchs, boxer ifv, dingo, eagle iv, fennek, wiesel, puma ifv, namer, achzarit, nagmachon,
        nagmashot, zelda, eitan apc, puma apc, humvee, hummer, hmmwv, casspir, nyala, buffel, ratel, eland, rooikat,
        mamba apc, mamba vehicle, hippo, inyala, okapi, wolf turbo, maxxpro, maxx pro, cougar mrap, cougar vehicle,
        buffalo mrap, caiman mrap, m atv, matv, oshkosh, mastiff, ridgback, foxhound vehicle, jackal vehicle, snatch
        land rover, snatch, saxon apc, saxon, saracen, saladin, ferret, fox armoured car, shorland, simba apc, humber
        pig, panhard, sagaie, lynx armoured car, cascavel, urutu, jararaca, engesa, commando v150, cadillac gage,
        cashuat, tiuna, pars, otokar, cobra armoured car, cobra armored car, cobra vehicle, kirpi, vuran, ejder,
        akrep, hizir, arma apc, amazon mrap, bastion apc, bushmaster vehicle, bushmaster apc, hawkei, roshel, senator
        apc, novator, varta apc, kozak, dozor b, oncilla, spartak, tigr, tiger vehicle, typhoon k, typhoon mrap,
        vystrel, kamaz, ural truck, ural military truck, zil truck, kraz, gaz truck, iveco lmv, lince, puma 4x4,
        panther clv, mengshi, dongfeng mengshi, dongfeng truck, type 63 apc, fahd, walid, temsah, al masmak, terrier,
        panthera, nimr, typhoon 4x4, safir, boragh, rakhsh, sarir, talaeh, marauder, maverick vehicle, paramount,
        centaure, vab, vbci, vbl, vbmr, griffon, serval, sherpa light, acmat, aravis, piranha, mowag, grizzly, bison
        apc, coyote lav, husky mine, armoured bulldozer, armored bulldozer, bulldozer, tank destroyer, assault gun,
        gun truck, guntruck, technical, minesweeping tank, mine clearing vehicle, mine protected vehicle, mine
        resistant ambush protected, mine resistant vehicle, tank recovery vehicle, blindé, panzer, land cruiser,
        landcruiser, land rover, landrover, toyota, hilux, unimog, ifa truck, ifa, ural, zil, shturm tank, terminator
        bmpt, armoured train, armored train, vehicle ramming, car ramming, ramming attack, truck ramming, lorry
        attack, ramming, turtle tank, barn tank, ascod, lynx ifv, redback, patria, rosomak, borsuk, pandur, freccia,
        centauro, dardo, namera, sandcat, wolf apc, sufa jeep, storm jeep, mine resistant, mt lb, panthera t6, t fifty
        five, t fifty four, t seventy two, btr, btrd, bmp, bmpt, bmd, brdm, mtlb, aml, ebr, lav, aav, amtrac, m1
        abrams, kamov truck, zpt, bov, ur 416, pt 91, tankette, unicorn apc, ot m60, m80 apc, samil, pinzgauer, niva,
        m3 stuart, m8 greyhound, greyhound, simba, dragoon, textron cobra, asv, terradyne, inkas, bearcat, brem, brem
        1, mtu bridge, bmo t, z sts, stridsvagn, type 85 tank, camionnette, ground drone, unmanned ground vehicle,
        uncrewed ground vehicle, ugv, ground robot, tanqueta, char de combat, uaz
    """,
    "naval": """
        destroyer escort, missile boat, missile frigate, missile corvette, missile cruiser, missile destroyer,
        torpedo, torpedo boat, gun boat, gunboat, warship, battleship, battlecruiser, dreadnought, frigate, corvette,
        destroyer, minesweeper, mine sweeper, minehunter, mine hunter, minelayer, mine layer, mine countermeasures
        vessel, mine countermeasure ship, submarine, submersible, midget sub, midget submarine, u boat, aircraft
        carrier, helicopter carrier, drone carrier, uav carrier, drone ship, kalibr carrier, missile carrier, carrier
        strike group, amphibious assault ship, assault ship, landing ship, landing craft, landing platform, landing
        helicopter dock, dock landing ship, hovercraft, patrol boat, patrol ship, patrol craft, patrol vessel, opv,
        fpb, lst, lcac, lcu, fast attack craft, fast boat, fast craft, fast attack boat, fast inshore attack craft,
        fiac, fac, attack boat, attack craft, assault boat, assault craft, speedboat, speed boat, swift boat, small
        boat, small craft, skiff, dhow, rhib, rib boat, rigid hull inflatable boat, zodiac, inflatable boat, rubber
        boat, armed boat, motor gunboat, cutter, coastguard cutter, coast guard cutter, coastguard vessel, coast guard
        vessel, coastguard ship, coast guard ship, icebreaker, tugboat, stores ship, supply ship, support ship,
        support vessel, depot ship, replenishment ship, replenishment oiler, fleet oiler, oiler, hospital ship,
        troopship, troop ship, flagship, naval vessel, naval ship, naval boat, naval craft, naval gun, naval gunfire,
        naval bombardment, naval shelling, naval artillery, naval fire, navy ship, navy vessel, navy boat, naval
        drone, naval unmanned, maritime drone, sea drone, surface drone, marine drone, boat drone, drone boat,
        underwater drone, underwater vehicle, submarine drone, usv, wbied boat, uncrewed surface vessel, unmanned
        surface vessel, unmanned surface vehicle, uncrewed surface vehicle, uncrewed vessel, unmanned vessel, unmanned
        boat, uncrewed boat, unmanned underwater vehicle, uncrewed underwater vehicle, crewless boat, remote
        controlled boat, kamikaze boat, explosive boat, explosive laden boat, bomb boat, saildrone, magura, sea baby,
        mamay drone, toloka, blowfish, boghammar, boghammer, bogham, shanghai class, kilo class, ropucha, kilo
        submarine, river gunboat, riverine craft, riverine boat, monitor ship, missile ship, q ship, aegis, aegis
        cruiser, coastal defence ship, depth charge, admiral kuznetsov, kuznetsov, admiral
        makarov, admiral essen, admiral grigorovich, admiral nakhimov, admiral gorshkov, moskva, belgrano, prat,
        veinticinco
        de mayo, 25 de mayo, piranha boat, manta t12, fregata, fragata, corbeta, lancha, patrullera, ffg, ddg, cvn,
        ssn, ssbn, lhd, lpd, frégate, patrouilleur, vedette, auv, uuv, dinghy, inflatable dinghy, dvora, super dvora,
        boston whaler, sea baby drone, magura drone, sea tiger boat, inflatable, chamsuri, cheonan, houdong, thondar,
        peykaap, ips 16, jamaran, alvand, combattante, la combattante, saar 5, saar, komar, lct, lcm, lcvp, pbr,
        cyclone class, island class, swiftship, pirogue, jet ski, mothership, whaler, sahand, moudge, makran, pasdaran
        boat
    """,
    "chemical": """
        chemical, chemical weapon, chemical agent, toxic agent, mustard, mustard gas, mustard agent, sulfur mustard,
        sulphur mustard, yperite, lewisite, nerve gas, nerve agent, sarin, tabun, soman, novichok, vx, vx gas,
        chlorine, chlorine gas, chloropicrin, chloropicrine, phosgene, hydrogen cyanide, cyanide, poison gas, toxic
        gas, blister agent, zyklon, tear gas, teargas, tear smoke, teargas shell, cs gas, cs spray, cs grenade, cs
        canister, cs smoke, cs, cn gas, cr gas, tear gas canister, gas grenade, gas shell, pepper spray, pepper gas,
        pepper ball, pepperball, pepper gun, pepper bullet, pepper, oc spray, oc gas, capsicum spray, mace spray,
        irritant, irritant gas, irritant spray, lachrymatory, lacrimogenic, lacrimogène, binary, binary shell, white
        star powder, ricin, anthrax, sternutator, stink bomb, skunk water, agent orange, crowd control agent,
        incapacitating agent, riot control agent, biological weapon, biological agent, germ weapon, nerve gas bomb,
        gas attack, mustard bomb, botulinum, ammonia gas, aflatoxin, botulinum toxin, polonium
    """,
    "blade": """
        machete, machette, panga, cutlass, cutlases, cutlas, cutlassess, cutlasess, knife, bread knife, axe, ax,
        hatchet, tomahawk axe, battle axe, pickaxe, pick axe, adze, sword, sabre sword, saber, sabre, scimitar sword,
        rapier sword, dagger, dirk, stiletto, switchblade knife, flick knife, butterfly knife, jackknife, penknife,
        bayonet, spear, javelin spear, lance, pike, harpoon spear, trident spear, bow, longbow, crossbow, arrow, bow
        and arrow, dart, blowpipe dart, blow dart, blowgun, kukri, khukuri, khukri, khukhuri, dao, parang, kris,
        keris, bolo, bolo knife, golok, klewang, mandau, katana, samurai sword, kirpan, talwar, tulwar, kampilan,
        barong, jambiya, assegai, billhook, sickle, scythe, pitchfork, cleaver, shank, shiv, razor, razor blade, box
        cutter, boxcutter, scalpel, screwdriver, scissors, ice pick, garden shears, glass shard, punji, punji stake,
        bamboo spear, bamboo stake, blade, bladed weapon, sharp object, sharp weapon, edged weapon, stabbing, stabbing
        attack, knifing, throwing knife, throwing axe, throwing star, bow with arrow, halberd, gupti, poignard, coupe
        coupe, white arm, hacksaw, chainsaw, guillotine, poisoned arrow, ninja sword, hoe, spade, arma blanca,
        khanjar, itak, slasher
    """,
    "other": """
        baton, truncheon, nightstick, night stick, club, golf club, billy club, cudgel, bludgeon, knobkerrie,
        knobkerry, lathi, cane, whip, sjambok, chicote, wooden stick, rattan stick, hockey stick, baseball bat,
        cricket bat, bat, iron bar, metal bar, iron rod, steel rod, steel bar, iron pipe, metal pipe, steel pipe,
        metal rod, crowbar, tyre iron, tire iron, bamboo stave, stave, bamboo pole, wooden pole, plank, boulder, half
        brick, paving stone, slingshot, sling shot, sling, catapult, marble, bicycle chain, belt buckle,
        knuckleduster, brass knuckle, sledgehammer, wrench, spanner, shovel, pestle, mace, nunchaku, rubber bullet,
        plastic bullet, rubber round, plastic round, rubber coated bullet, rubber coated metal bullet, rubber coated
        steel bullet, baton round, bean bag round, beanbag round, bean bag, beanbag, foam round, sponge round, sponge
        grenade, rubber pellet, less lethal, less lethal round, less lethal weapon, non lethal, non lethal weapon,
        attenuated energy projectile, water cannon, taser, stun gun, stun baton, electric baton, electric prod,
        electroshock weapon, cattle prod, electric shock device, laser, laser weapon, laser dazzler, military grade
        laser, dazzler, iron beam, directed energy weapon, microwave weapon, sound cannon, acoustic weapon, lrad,
        flamethrower, flame thrower, white phosphorus, white phosphorous, phosphorus, phosphorus bomb, acid, acid
        attack, acid bulb, vitriol, arson, arson attack, arson device, fire attack, incendiary balloon, incendiary
        kite, fire kite, fire balloon, explosive balloon, balloon, kite, flare, firework, firecracker, fire cracker,
        fireworks mortar, nuke, nuclear weapon, atomic bomb, nuclear bomb, hydrogen bomb, a bomb, tsar bomba, nuclear
        warhead, nuclear device, nuclear arm, nuclear missile warhead, tactical nuclear weapon, weapon of mass
        destruction, wmd, rifle butt, gun butt, pistol whip, tyre necklace, necklacing, toy gun, wooden rifle, wooden
        gun, dummy rifle, replica gun, imitation firearm, nail gun, speargun other, tripwire flare, caltrop, stoning,
        stone throwing, garrotte, garrote, radiological weapon, anti drone gun, drone gun, jammer gun, jammer, drone
        jammer, anti drone jammer,
        uav jammer, wolf tooth
        club, war club, spiked club, stick with nails, catapults with stones, aep, aep round, rungu, tyre, tire,
        burning tyre, rubber baton, knobkierry
    """,
}
"""Words that decide whatever common noun stands beside them, by kind."""
